#include "model/quantized_int8.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/ops/quantized_kernels.h"

namespace fennec {
namespace {

/// @return the scale
float quantize_group(const float* values, std::int64_t count, std::int8_t* out) {
  float largest = 0;
  for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(values[i]));
  const float scale = largest / 127;
  for (std::int64_t i = 0; i < count; ++i)
    out[i] =
        scale > 0
            ? static_cast<std::int8_t>(std::clamp(std::nearbyint(values[i] / scale), -127.0F, 127.0F))
            : std::int8_t{0};
  return scale;
}

class Int8Matrix final : public QuantizedMatrix {
 public:
  Int8Matrix(std::int64_t rows, std::int64_t columns, const RowReader& read)
      : QuantizedMatrix(rows, columns),
        values_(static_cast<std::size_t>(rows * columns)),
        scales_(static_cast<std::size_t>(rows * quant_groups(columns))) {
    for_each_row(rows, columns, read, [&](std::int64_t row, const float* values) {
      std::int8_t* q = values_.data() + row * columns;
      float* scale = scales_.data() + row * quant_groups(columns);
      for (std::int64_t i = 0; i < columns; i += kQuantGroup)
        *scale++ = quantize_group(values + i, std::min(kQuantGroup, columns - i), q + i);
    });
  }

  std::size_t bytes() const override { return values_.size() + scales_.size() * sizeof(float); }
  void dequantize(std::int64_t begin, std::int64_t end, float* out) const override {
    int8_dequantize(view(begin, end), out);
  }
  void multiply(std::int64_t begin, std::int64_t end, const float* x, float* y) const override {
    int8_multiply(view(begin, end), x, y);
  }

 private:
  Int8Rows view(std::int64_t begin, std::int64_t end) const {
    return {end - begin, columns(), values_.data() + begin * columns(),
            scales_.data() + begin * quant_groups(columns())};
  }

  std::vector<std::int8_t> values_;  // [rows, columns]
  std::vector<float> scales_;        // [rows, groups]
};

}  // namespace

std::shared_ptr<const QuantizedMatrix> quantize_int8(std::int64_t rows, std::int64_t columns,
                                                     const RowReader& read) {
  return std::make_shared<Int8Matrix>(rows, columns, read);
}

}  // namespace fennec
