#include <algorithm>
#include <cmath>
#include <numeric>

#include "aggregation/codec/rice.h"
#include "aggregation/codec/stages.h"

namespace fennec {
namespace {

/// The elements of largest magnitude over the whole update; of equal ones the first. u32 count, then
/// their positions (rice.h).
class TopK final : public Selector {
 public:
  explicit TopK(double share) : share_(share) {}

  std::vector<std::uint32_t> select(std::span<const float> values, const EncodeSeeds&,
                                    std::vector<std::byte>& out) const override {
    std::vector<std::uint32_t> order(values.size());
    std::iota(order.begin(), order.end(), 0U);
    const std::size_t kept = share_of(share_, values.size());
    const auto size_of = [&](std::uint32_t i) {  // what is not finite goes along, to be refused
      return std::isnan(values[i]) ? HUGE_VALF : std::abs(values[i]);
    };
    std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) {
                       return size_of(a) != size_of(b) ? size_of(a) > size_of(b) : a < b;
                     });
    order.resize(kept);
    std::sort(order.begin(), order.end());
    append_value(out, static_cast<std::uint32_t>(kept));
    append_positions(out, order);
    return order;
  }

  Result<std::vector<std::uint32_t>> read(ByteReader& in, std::size_t size) const override {
    std::uint32_t count = 0;
    if (!in.read(count)) return ends_early("count");
    if (count != share_of(share_, size))
      return fail(ErrorCode::kMalformed, "the update holds " + std::to_string(count) +
                                             " elements, expected " +
                                             std::to_string(share_of(share_, size)));
    return read_positions(in, count, size);
  }

 private:
  double share_;
};

}  // namespace

std::unique_ptr<Selector> make_topk(double share) { return std::make_unique<TopK>(share); }

std::size_t share_of(double share, std::size_t size) {
  if (size == 0) return 0;
  return std::clamp<std::size_t>(static_cast<std::size_t>(share * static_cast<double>(size)), 1, size);
}

}  // namespace fennec
