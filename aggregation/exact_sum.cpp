#include "aggregation/exact_sum.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "aggregation/vector_target.h"
#include "core/error.h"

namespace fennec {
namespace {

constexpr std::size_t kBlock = 512;  // both halves of a block and a term of it fit the L1 cache

/// One term into one block. @return bits that are all zero when nothing was lost
FENNEC_INLINE std::uint64_t fold_block(double* high, double* low, const float* x, double weight,
                                       std::size_t n) {
  std::uint64_t lost = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double term = weight * static_cast<double>(x[i]);
    const double sum = high[i] + term;  // TwoSum: sum + error = high + term
    const double from_term = sum - high[i];
    const double error = (high[i] - (sum - from_term)) + (term - from_term);
    const double tail = low[i] + error;  // and once more for what was left over
    const double from_error = tail - low[i];
    const double rest = (low[i] - (tail - from_error)) + (error - from_error);
    high[i] = sum;
    low[i] = tail;
    lost |= std::bit_cast<std::uint64_t>(rest) << 1;  // without the sign
  }
  return lost;
}

using FoldBlock = std::uint64_t (*)(double*, double*, const float*, double, std::size_t);

std::uint64_t fold_plain(double* high, double* low, const float* x, double weight, std::size_t n) {
  return fold_block(high, low, x, weight, n);
}
FENNEC_AVX2 std::uint64_t fold_avx2(double* high, double* low, const float* x, double weight,
                                    std::size_t n) {
  return fold_block(high, low, x, weight, n);
}

/// Adds one double to an expansion (Shewchuk's Grow-Expansion, zeros left out).
void grow(std::vector<double>& expansion, double x) {
  std::size_t kept = 0;
  for (double part : expansion) {
    const double sum = x + part;
    const double from_part = sum - x;
    const double error = (x - (sum - from_part)) + (part - from_part);
    if (error != 0) expansion[kept++] = error;
    x = sum;
  }
  expansion.resize(kept);
  expansion.push_back(x);
}

/// The sum of an expansion, correctly rounded: from the largest part down; what is left below decides a
/// tie.
double rounded(const std::vector<double>& expansion) {
  std::size_t at = expansion.size();
  if (at == 0) return -0.0;
  double high = expansion[--at], low = 0;
  while (at > 0 && low == 0) {
    const double before = high, part = expansion[--at];
    high = before + part;
    low = part - (high - before);
  }
  const bool below =
      at > 0 && ((low < 0 && expansion[at - 1] < 0) || (low > 0 && expansion[at - 1] > 0));
  if (!below) return high;
  const double twice = low * 2, moved = high + twice;
  return moved - high == twice ? moved : high;
}

}  // namespace

ExactSum::ExactSum(std::size_t size) : size_(size), high_(size, -0.0), low_(size, 0.0) {}

void ExactSum::add_expanded(std::vector<Expansion>& block, std::size_t first,
                            std::span<const Term> terms) {
  for (const Term& term : terms)
    for (std::size_t i = 0; i < block.size(); ++i)
      grow(block[i], term.weight * static_cast<double>(term.values[first + i]));
}

void ExactSum::add(std::span<const Term> terms) {
  for (const Term& term : terms) FENNEC_CHECK(term.values.size() == size_);
  const FoldBlock fold = cpu_has_avx2() ? fold_avx2 : fold_plain;
  std::array<double, kBlock> high_before, low_before;
  for (std::size_t first = 0; first < size_; first += kBlock) {
    const std::size_t n = std::min(kBlock, size_ - first);
    double *high = high_.data() + first, *low = low_.data() + first;
    if (const auto found = expanded_.find(first / kBlock); found != expanded_.end()) {
      add_expanded(found->second, first, terms);
      continue;
    }
    std::copy_n(high, n, high_before.begin());
    std::copy_n(low, n, low_before.begin());
    std::uint64_t lost = 0;
    for (const Term& term : terms) lost |= fold(high, low, term.values.data() + first, term.weight, n);
    if (lost == 0) continue;
    std::vector<Expansion>& block = expanded_[first / kBlock];
    block.resize(n);
    for (std::size_t i = 0; i < n; ++i) {
      if (low_before[i] != 0) grow(block[i], low_before[i]);
      grow(block[i], high_before[i]);
    }
    add_expanded(block, first, terms);
  }
}

void ExactSum::write(std::span<float> out, double numerator, double denominator) const {
  FENNEC_CHECK(out.size() == size_);
  for (std::size_t i = 0; i < size_; ++i) {
    const double sum = low_[i] == 0 ? high_[i] : high_[i] + low_[i];
    out[i] = static_cast<float>(sum * numerator / denominator);
  }
  for (const auto& [index, block] : expanded_)
    for (std::size_t i = 0; i < block.size(); ++i)
      out[index * kBlock + i] = static_cast<float>(rounded(block[i]) * numerator / denominator);
}

}  // namespace fennec
