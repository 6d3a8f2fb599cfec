#include "model/random_weights.h"

#include <cmath>
#include <span>

#include <ATen/ATen.h>

namespace fennec {
namespace {

bool is_residual_output(const std::string& name) {
  for (const char* tail : {"o_proj.weight", "down_proj.weight", "c_proj.weight",
                           "attention.dense.weight", "dense_4h_to_h.weight"})
    if (name.ends_with(tail)) return true;
  return false;
}

}  // namespace

bool RandomWeights::contains(const std::string&) const { return true; }

at::Tensor RandomWeights::take(const std::string& name, const std::vector<std::int64_t>& shape) {
  if (name.ends_with(".bias")) return at::zeros(shape, at::kFloat);
  if (shape.size() == 1) return at::ones(shape, at::kFloat);
  const double residual_scale = 1 / std::sqrt(2 * static_cast<double>(layers_));
  at::Tensor weight = at::empty(shape, at::kFloat);
  const std::span<float> values(weight.data_ptr<float>(), static_cast<std::size_t>(weight.numel()));
  fill_normal(seed_.child("init", name), values,
              static_cast<float>(0.02 * (is_residual_output(name) ? residual_scale : 1)));
  return weight;
}

void RandomWeights::finish(const std::function<bool(const std::string&)>&) const {}

}  // namespace fennec
