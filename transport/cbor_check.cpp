#include "transport/cbor_check.h"

#include <cstdint>
#include <vector>

namespace fennec {
namespace {

/// One initial byte and its argument (RFC 8949 section 3).
struct Head {
  unsigned major = 0;
  unsigned info = 0;
  std::uint64_t argument = 0;
};

class Walker {
 public:
  Walker(std::span<const std::byte> bytes, const CborLimits& limits) : bytes_(bytes), limits_(limits) {}

  std::optional<std::string> run() {
    pending_.push_back(1);
    std::size_t items = 0;
    while (!pending_.empty()) {
      if (pending_.back() == 0) {
        pending_.pop_back();
        continue;
      }
      --pending_.back();
      if (++items > limits_.items) return "more than " + std::to_string(limits_.items) + " values";
      if (auto fault = item()) return fault;
    }
    if (position_ != bytes_.size()) return "bytes after the end of the header";
    return std::nullopt;
  }

 private:
  std::optional<std::string> item() {
    Head head;
    if (auto fault = read(head)) return fault;
    switch (head.major) {
      case 0:
      case 1:
        return std::nullopt;
      case 3:
        return text(head.argument);
      case 4:
        return open(head.argument, 1);
      case 5:
        return open(head.argument, 2);
      case 7:
        // false, true, null, half, float, double: the argument of a float was skipped as its bits
        if ((head.info >= 20 && head.info <= 22) || (head.info >= 25 && head.info <= 27))
          return std::nullopt;
        return "unsupported simple value";
      default:
        return head.major == 2 ? "byte string" : "tag";
    }
  }

  std::optional<std::string> read(Head& head) {
    if (position_ >= bytes_.size()) return "truncated";
    const auto initial = std::to_integer<unsigned>(bytes_[position_++]);
    head.major = initial >> 5;
    head.info = initial & 31u;
    if (head.info < 24) {
      head.argument = head.info;
      return std::nullopt;
    }
    if (head.info > 27) return "indefinite or reserved length";
    const std::size_t width = std::size_t{1} << (head.info - 24);
    if (bytes_.size() - position_ < width) return "truncated";
    for (std::size_t i = 0; i < width; ++i)
      head.argument = head.argument << 8 | std::to_integer<std::uint64_t>(bytes_[position_++]);
    return std::nullopt;
  }

  std::optional<std::string> text(std::uint64_t length) {
    if (length > limits_.text_bytes) return "text of " + std::to_string(length) + " bytes";
    if (length > bytes_.size() - position_) return "truncated";
    position_ += static_cast<std::size_t>(length);
    return std::nullopt;
  }

  /// A list of `length` items or a map of `length` pairs: each value takes at least one byte of what is
  /// left.
  std::optional<std::string> open(std::uint64_t length, std::uint64_t values_each) {
    if (length > (bytes_.size() - position_) / values_each) return "truncated";
    if (pending_.size() > static_cast<std::size_t>(limits_.depth)) return "nested too deeply";
    pending_.push_back(length * values_each);
    return std::nullopt;
  }

  std::span<const std::byte> bytes_;
  const CborLimits& limits_;
  std::size_t position_ = 0;
  std::vector<std::uint64_t> pending_;  ///< values still to come, one entry an open container
};

}  // namespace

std::optional<std::string> find_cbor_fault(std::span<const std::byte> bytes, const CborLimits& limits) {
  return Walker(bytes, limits).run();
}

}  // namespace fennec
