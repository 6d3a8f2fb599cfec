#pragma once
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <vector>

namespace fennec {

/// Σ wₖ·xₖ for vectors of floats, exact in each element as far as the products wₖ·xₖ are (those of
/// integers below 2²⁹ are): the result is the sum's correct rounding, so no order of the terms shows in
/// it. Two doubles an element hold the sum (Knuth's TwoSum); where a block of elements would lose a bit
/// that way, it goes over to expansions of as many doubles as it takes (Shewchuk, DCG 18, 1997).
class ExactSum {
 public:
  struct Term {
    double weight;
    std::span<const float> values;
  };

  explicit ExactSum(std::size_t size);
  std::size_t size() const { return size_; }

  /// Adds the terms; several at once cost less memory traffic than one after the other. Every product
  /// must be finite and far from a double's limits.
  void add(std::span<const Term> terms);

  /// out[i] = sum·numerator / denominator, from the sum rounded to a double. Keeps the sign of a sum of
  /// nothing but −0.
  void write(std::span<float> out, double numerator, double denominator) const;

  std::size_t expanded_blocks() const { return expanded_.size(); }

 private:
  using Expansion = std::vector<double>;  ///< non-overlapping, ascending magnitude
  void add_expanded(std::vector<Expansion>& block, std::size_t first, std::span<const Term> terms);

  std::size_t size_;
  std::vector<double> high_, low_;                          ///< sum = high + low exactly
  std::map<std::size_t, std::vector<Expansion>> expanded_;  ///< by block index
};

}  // namespace fennec
