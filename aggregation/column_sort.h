#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace fennec {

/// Sorts the columns of a small row-major matrix, all of them at once: a network of compare-exchanges
/// between rows (Batcher's merge exchange; Knuth, TAOCP 3, 5.2.2 M), each over kWidth lanes.
class ColumnSort {
 public:
  static constexpr std::size_t kWidth = 64;

  explicit ColumnSort(std::size_t rows);
  /// @param values  [rows, kWidth], no NaN; ascending down each column afterwards
  void sort(float* values) const;

 private:
  std::vector<std::pair<std::uint32_t, std::uint32_t>> exchanges_;
};

}  // namespace fennec
