#include "model/quantized_nf4.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "model/ops/quantized_kernels.h"

namespace fennec {
namespace {

std::uint8_t nearest_code(float value) {
  const auto& book = nf4_codebook();
  const auto above = std::lower_bound(book.begin(), book.end(), value);
  if (above == book.begin()) return 0;
  if (above == book.end()) return 15;
  const auto below = above - 1;
  return static_cast<std::uint8_t>((value - *below < *above - value ? below : above) - book.begin());
}

/// The largest magnitudes of all groups, plain or quantised once more.
class GroupMaxima {
 public:
  GroupMaxima(std::vector<float> maxima, DoubleQuant mode) {
    if (mode == DoubleQuant::kOff) {
      plain_ = std::move(maxima);
      return;
    }
    mean_ = static_cast<float>(std::accumulate(maxima.begin(), maxima.end(), 0.0) /
                               static_cast<double>(std::max<std::size_t>(maxima.size(), 1)));
    codes_.resize(maxima.size());
    for (std::size_t begin = 0; begin < maxima.size(); begin += kBlock)
      quantize_block(maxima, begin, std::min(begin + kBlock, maxima.size()));
  }

  float at(std::size_t i) const {
    if (!plain_.empty()) return plain_[i];
    return std::max(0.0F, mean_ + scales_[i / kBlock] * static_cast<float>(codes_[i]));
  }
  std::size_t bytes() const {
    return (plain_.size() + scales_.size() + 1) * sizeof(float) + codes_.size();
  }

 private:
  static constexpr std::size_t kBlock = 256;

  void quantize_block(const std::vector<float>& maxima, std::size_t begin, std::size_t end) {
    float largest = 0;
    for (std::size_t i = begin; i < end; ++i) largest = std::max(largest, std::abs(maxima[i] - mean_));
    scales_.push_back(largest / 127);
    for (std::size_t i = begin; i < end && largest > 0; ++i)
      codes_[i] = static_cast<std::int8_t>(std::nearbyint((maxima[i] - mean_) / scales_.back()));
  }

  std::vector<float> plain_, scales_;  // scales_: one a block
  std::vector<std::int8_t> codes_;
  float mean_ = 0;
};

struct Nf4Values {
  std::vector<std::uint8_t> packed;  // [rows, ⌈columns/2⌉]
  std::vector<float> maxima;         // [rows, groups]
};

Nf4Values read_values(std::int64_t rows, std::int64_t columns, const RowReader& read) {
  const std::int64_t row_bytes = (columns + 1) / 2;
  Nf4Values all;
  all.packed.resize(static_cast<std::size_t>(rows * row_bytes));
  all.maxima.reserve(static_cast<std::size_t>(rows * quant_groups(columns)));
  for_each_row(rows, columns, read, [&](std::int64_t row, const float* values) {
    for (std::int64_t i = 0; i < columns; i += kQuantGroup) {
      std::uint8_t codes[kQuantGroup + 1] = {};
      const std::int64_t count = std::min(kQuantGroup, columns - i);
      float largest = 0;
      for (std::int64_t j = 0; j < count; ++j) largest = std::max(largest, std::abs(values[i + j]));
      for (std::int64_t j = 0; j < count; ++j)
        codes[j] = nearest_code(largest > 0 ? values[i + j] / largest : 0);
      all.maxima.push_back(largest);
      pack_nibbles(codes, count, all.packed.data() + row * row_bytes + i / 2);
    }
  });
  return all;
}

class Nf4Matrix final : public QuantizedMatrix {
 public:
  Nf4Matrix(std::int64_t rows, std::int64_t columns, Nf4Values values, DoubleQuant mode)
      : QuantizedMatrix(rows, columns),
        packed_(std::move(values.packed)),
        maxima_(std::move(values.maxima), mode) {}

  std::size_t bytes() const override { return packed_.size() + maxima_.bytes(); }

  void dequantize(std::int64_t begin, std::int64_t end, float* out) const override {
    const auto& book = nf4_codebook();
    const std::int64_t row_bytes = (columns() + 1) / 2;
    auto group = static_cast<std::size_t>(begin * quant_groups(columns()));
    for (std::int64_t row = begin; row < end; ++row, out += columns()) {
      const std::uint8_t* packed = packed_.data() + row * row_bytes;
      for (std::int64_t i = 0; i < columns(); i += kQuantGroup, ++group) {
        const float largest = maxima_.at(group);
        for (std::int64_t j = i, last = std::min(i + kQuantGroup, columns()); j < last; ++j)
          out[j] = largest * book[packed[j / 2] >> (j % 2 * 4) & 15];
      }
    }
  }

  void multiply(std::int64_t begin, std::int64_t end, const float* x, float* y) const override {
    std::vector<float> row(static_cast<std::size_t>(columns()));
    for (std::int64_t i = begin; i < end; ++i) {
      dequantize(i, i + 1, row.data());
      y[i - begin] = std::inner_product(row.begin(), row.end(), x, 0.0F);
    }
  }

 private:
  std::vector<std::uint8_t> packed_;
  GroupMaxima maxima_;
};

}  // namespace

const std::array<float, 16>& nf4_codebook() {
  static constexpr std::array<float, 16> kBook = {
      -1.0F,      -0.6961928F, -0.5250730F, -0.3949175F, -0.2844414F, -0.1847734F, -0.0910500F, 0.0F,
      0.0795803F, 0.1609302F,  0.2461123F,  0.3379152F,  0.4407098F,  0.5626170F,  0.7229568F,  1.0F};
  return kBook;
}

std::shared_ptr<const QuantizedMatrix> quantize_nf4(std::int64_t rows, std::int64_t columns,
                                                    const RowReader& read, DoubleQuant scales) {
  return std::make_shared<Nf4Matrix>(rows, columns, read_values(rows, columns, read), scales);
}

}  // namespace fennec
