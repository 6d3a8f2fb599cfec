#include "model/kv_cache.h"

#include <algorithm>

#include <ATen/ATen.h>

namespace fennec {

KvCache::KvCache(const CausalLm& model, std::int64_t rows, std::int64_t capacity)
    : segments_(at::zeros({rows, capacity}, at::kLong)),
      positions_(at::zeros_like(segments_)),
      capacity_(capacity) {
  for (std::int64_t layer = 0; layer < model.layers(); ++layer) {
    keys_.push_back(at::empty({rows, model.kv_heads(), capacity, model.head_dim()}, at::kFloat));
    values_.push_back(at::empty_like(keys_.back()));
  }
}

void KvCache::grow(std::int64_t columns) {
  const auto widen = [&](at::Tensor& tensor, std::int64_t dimension) {
    auto sizes = tensor.sizes().vec();
    sizes[static_cast<std::size_t>(dimension)] = columns;
    at::Tensor wider = at::zeros(sizes, tensor.options());
    wider.narrow(dimension, 0, length_).copy_(tensor.narrow(dimension, 0, length_));
    tensor = wider;
  };
  for (at::Tensor& keys : keys_) widen(keys, 2);
  for (at::Tensor& values : values_) widen(values, 2);
  widen(segments_, 1);
  widen(positions_, 1);
  capacity_ = columns;
}

void KvCache::extend(std::int64_t tokens, const at::Tensor& segments, const at::Tensor& positions) {
  if (length_ + tokens > capacity_) grow(std::max(length_ + tokens, 2 * capacity_));
  opened_ = length_;
  length_ += tokens;
  positions_.narrow(1, opened_, tokens).copy_(positions);
  if (!segments.defined()) return;
  segmented_ = true;
  segments_.narrow(1, opened_, tokens).copy_(segments);
}

std::pair<at::Tensor, at::Tensor> KvCache::store(std::int64_t layer, const at::Tensor& k,
                                                 const at::Tensor& v) {
  auto& keys = keys_[static_cast<std::size_t>(layer)];
  auto& values = values_[static_cast<std::size_t>(layer)];
  keys.narrow(2, opened_, length_ - opened_).copy_(k);
  values.narrow(2, opened_, length_ - opened_).copy_(v);
  return {keys.narrow(2, 0, length_), values.narrow(2, 0, length_)};
}

}  // namespace fennec
