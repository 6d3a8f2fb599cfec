#include "aggregation/codec/stages.h"

namespace fennec {
namespace {

/// Elements drawn from the round's seed, the same for the whole cohort, so that updates stay dense in
/// those coordinates: u64 key of the seed, no positions.
class RandomK final : public Selector {
 public:
  explicit RandomK(double share) : share_(share) {}

  std::vector<std::uint32_t> select(std::span<const float> values, const EncodeSeeds& seeds,
                                    std::vector<std::byte>& out) const override {
    append_value(out, seeds.shared.key());
    return draw(seeds.shared.key(), values.size());
  }
  Result<std::vector<std::uint32_t>> read(ByteReader& in, std::size_t size) const override {
    std::uint64_t key = 0;
    if (!in.read(key)) return ends_early("seed");
    return draw(key, size);
  }

 private:
  /// Selection sampling (Knuth, TAOCP 2, 3.4.2 S): each element is taken with the chance that fills the
  /// rest exactly.
  std::vector<std::uint32_t> draw(std::uint64_t key, std::size_t size) const {
    const std::size_t wanted = share_of(share_, size);
    RandomStream stream{Seed(key)};
    std::vector<std::uint32_t> out;
    out.reserve(wanted);
    for (std::size_t i = 0; i < size && out.size() < wanted; ++i)
      if (stream.uniform() * static_cast<double>(size - i) < static_cast<double>(wanted - out.size()))
        out.push_back(static_cast<std::uint32_t>(i));
    return out;
  }
  double share_;
};

}  // namespace

std::unique_ptr<Selector> make_randomk(double share) { return std::make_unique<RandomK>(share); }

}  // namespace fennec
