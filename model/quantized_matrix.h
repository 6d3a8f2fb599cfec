#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace fennec {

/// Reads rows [begin, end) of a matrix as fp32 into `out` [end − begin, columns].
using RowReader = std::function<void(std::int64_t begin, std::int64_t end, float* out)>;

/// Columns that share a scale; a row's last group may be shorter.
inline constexpr std::int64_t kQuantGroup = 64;
inline std::int64_t quant_groups(std::int64_t columns) {
  return (columns + kQuantGroup - 1) / kQuantGroup;
}

/// A frozen matrix W [rows, columns] in a few bits a weight. Immutable, so any thread may use it.
class QuantizedMatrix {
 public:
  QuantizedMatrix(std::int64_t rows, std::int64_t columns) : rows_(rows), columns_(columns) {}
  virtual ~QuantizedMatrix() = default;
  QuantizedMatrix(const QuantizedMatrix&) = delete;
  QuantizedMatrix& operator=(const QuantizedMatrix&) = delete;

  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }
  virtual std::size_t bytes() const = 0;  ///< that the weights take, scales included

  /// Rows [begin, end) as fp32 into `out` [end − begin, columns].
  virtual void dequantize(std::int64_t begin, std::int64_t end, float* out) const = 0;
  /// y[i] = W[begin + i]·x for rows [begin, end), summed in fp32 straight from the stored codes: what
  /// decoding one token at a time needs, whose cost is reading W.  @param x [columns]
  virtual void multiply(std::int64_t begin, std::int64_t end, const float* x, float* y) const = 0;

 private:
  std::int64_t rows_, columns_;
};

/// Quantises as it reads, a few rows at a time: beside the result there is never more than a small
/// block of fp32 values.  @param kind  of quantized_kinds(), else ConfigError
std::shared_ptr<const QuantizedMatrix> quantize(const std::string& kind, std::int64_t rows,
                                                std::int64_t columns, const RowReader& read);
std::vector<std::string> quantized_kinds();

/// Calls take(row, values) for every row in order, read in blocks of about 1 MiB.
void for_each_row(std::int64_t rows, std::int64_t columns, const RowReader& read,
                  const std::function<void(std::int64_t row, const float* values)>& take);

}  // namespace fennec
