#pragma once
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include "core/rng.h"
#include "model/weight_source.h"

namespace fennec::bench {

/// Weights of any model, made up a few rows at a time and kept in the given precision: what a
/// checkpoint of that shape costs in memory and time without having one.
class NoiseWeights final : public WeightSource {
 public:
  explicit NoiseWeights(std::string precision) : precision_(std::move(precision)), noise_(1 << 20) {
    fill_normal(Seed(1), noise_, 0.02F);
  }

  bool contains(const std::string&) const override { return true; }
  at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape) override {
    return name.ends_with(".bias") ? at::zeros(shape, at::kFloat) : at::ones(shape, at::kFloat);
  }
  FrozenWeight take_matrix(const std::string& name, std::int64_t rows, std::int64_t columns,
                           MatrixRole role) override {
    const RowReader read = reader(name, columns);
    const std::string precision = matrix_precision(precision_, role);
    FrozenWeight weight;
    if (precision == "fp32") {
      at::Tensor dense = at::empty({rows, columns}, at::kFloat);
      read(0, rows, dense.data_ptr<float>());
      weight = dense;
    } else {
      weight = FrozenWeight(quantize(precision, rows, columns, read));
    }
    bytes_ += weight.bytes();
    return weight;
  }
  void finish(const std::function<bool(const std::string&)>&) const override {}

  std::size_t bytes() const { return bytes_; }  ///< of the matrices taken so far

 private:
  /// Rows start at different places of one stretch of noise.
  RowReader reader(const std::string& name, std::int64_t columns) {
    return [this, columns, state = Seed(2).child(name).key()](std::int64_t begin, std::int64_t end,
                                                              float* out) mutable {
      for (std::int64_t row = begin; row < end; ++row, out += columns) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        const std::size_t room = noise_.size() - static_cast<std::size_t>(columns);
        std::copy_n(noise_.begin() + static_cast<std::ptrdiff_t>((state >> 32) % room), columns, out);
      }
    };
  }

  std::string precision_;
  std::vector<float> noise_;
  std::size_t bytes_ = 0;
};

}  // namespace fennec::bench
