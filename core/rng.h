#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace fennec {

/// Philox4x32-10 (Salmon et al., SC'11): one 128-bit block from a 128-bit counter and a 64-bit key.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

/// A named node in the tree of randomness: every draw of a run comes from
/// `Seed(experiment.seed).child("what", id, round)`, so equal names give equal draws on every machine.
class Seed {
 public:
  explicit Seed(std::uint64_t root) : key_(root) {}
  Seed child(std::string_view name, std::uint64_t a = 0, std::uint64_t b = 0) const;
  Seed child(std::string_view name, std::string_view id, std::uint64_t b = 0) const;
  std::uint64_t key() const { return key_; }

 private:
  std::uint64_t key_;
};

/// A sequence of draws from one Seed. Platform independent up to libm's log/cos in normal().
class RandomStream {
 public:
  explicit RandomStream(Seed seed, std::uint64_t skip_blocks = 0)
      : key_(seed.key()), block_(skip_blocks) {}
  std::uint32_t next_u32();
  std::uint64_t next_u64();
  double uniform();                                          ///< [0, 1), 53 bits
  double uniform(double low, double high);                   ///< [low, high)
  std::uint64_t below(std::uint64_t bound);                  ///< [0, bound), unbiased; bound > 0
  double normal(double mean = 0, double sd = 1);             ///< Box–Muller
  std::size_t categorical(std::span<const double> weights);  ///< index with probability ∝ weight

  template <class T>
  void shuffle(std::vector<T>& items) {  // Fisher–Yates
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::uint64_t key_, block_;
  std::array<std::uint32_t, 4> buffer_{};
  int left_ = 0;
  double spare_ = 0;
  bool has_spare_ = false;
};

/// Fills `out` with U[low, high) floats; element i depends only on (seed, i).
void fill_uniform(Seed seed, std::span<float> out, float low, float high);
/// Fills `out` with N(0, sd²) floats; element i depends only on (seed, i).
void fill_normal(Seed seed, std::span<float> out, float sd);
/// out_i = x_i + step·z_i, where z_i = ±1 with equal probability (Rademacher) depends only on (seed,
/// first + i): whole or in parts, the same bits on every machine. `x` and `out` may be the same.
void add_signs(Seed seed, float step, std::span<const float> x, std::span<float> out,
               std::size_t first = 0);

}  // namespace fennec
