#include "aggregation/codec/update_header.h"

#include <bit>
#include <cstdint>
#include <cstring>

#include "core/digest.h"

namespace fennec {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the wire is little endian, and so is every target");

constexpr std::string_view kMagic = "FNUP";
constexpr std::uint16_t kFormatVersion = 1;
constexpr std::size_t kDigestBytes = 32;

void append(std::vector<std::byte>& out, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::byte*>(data);
  out.insert(out.end(), bytes, bytes + size);
}

/// Takes `size` bytes off the front; empty when there are fewer.
std::span<const std::byte> take(std::span<const std::byte>& rest, std::size_t size) {
  if (rest.size() < size) return {};
  const auto front = rest.first(size);
  rest = rest.subspan(size);
  return front;
}

template <class Int>
bool read(std::span<const std::byte>& rest, Int& value) {
  const auto bytes = take(rest, sizeof(Int));
  if (bytes.empty()) return false;
  std::memcpy(&value, bytes.data(), sizeof(Int));
  return true;
}

}  // namespace

void append_update_header(std::vector<std::byte>& out, std::string_view codec,
                          const ParameterLayout& layout) {
  FENNEC_CHECK(layout.digest().size() == 2 * kDigestBytes);
  const auto name_bytes = static_cast<std::uint16_t>(codec.size());
  const std::uint64_t elements = layout.size();
  append(out, kMagic.data(), kMagic.size());
  append(out, &kFormatVersion, sizeof(kFormatVersion));
  append(out, &name_bytes, sizeof(name_bytes));
  append(out, codec.data(), codec.size());
  const auto nibble = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i < kDigestBytes; ++i)
    out.push_back(static_cast<std::byte>(nibble(layout.digest()[2 * i]) * 16 +
                                         nibble(layout.digest()[2 * i + 1])));
  append(out, &elements, sizeof(elements));
}

Result<std::span<const std::byte>> check_update_header(std::span<const std::byte> bytes,
                                                       std::string_view codec,
                                                       const ParameterLayout& layout) {
  const auto truncated = [] {
    return fail(ErrorCode::kMalformed, "the update ends within its header");
  };
  const auto magic = take(bytes, kMagic.size());
  if (magic.empty()) return truncated();
  if (std::memcmp(magic.data(), kMagic.data(), kMagic.size()) != 0)
    return fail(ErrorCode::kMalformed, "not an encoded update");
  std::uint16_t version = 0, name_bytes = 0;
  if (!read(bytes, version) || !read(bytes, name_bytes)) return truncated();
  if (version != kFormatVersion)
    return fail(ErrorCode::kVersion, "update format version " + std::to_string(version));
  const auto name = take(bytes, name_bytes);
  if (name.size() != name_bytes) return truncated();
  if (name.size() != codec.size() || std::memcmp(name.data(), codec.data(), codec.size()) != 0)
    return fail(ErrorCode::kMismatch, "the update is not encoded with " + std::string(codec));
  const auto digest = take(bytes, kDigestBytes);
  std::uint64_t elements = 0;
  if (digest.empty() || !read(bytes, elements)) return truncated();
  if (to_hex(digest) != layout.digest())
    return fail(ErrorCode::kMismatch, "the update has another layout");
  if (elements != layout.size())
    return fail(ErrorCode::kMalformed, "the update's element count contradicts its layout");
  return bytes;
}

}  // namespace fennec
