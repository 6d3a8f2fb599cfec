#include "lora/lora_embedding.h"

#include <utility>

#include <ATen/ATen.h>

namespace fennec {

LoraEmbedding::LoraEmbedding(at::Tensor a, at::Tensor b, double scale)
    : a_(std::move(a)), b_(std::move(b)), scale_(scale) {}

at::Tensor LoraEmbedding::apply(const at::Tensor& ids, const at::Tensor& rows) const {
  const at::Tensor u = a_.index_select(1, ids).t();  // [N, R]
  return at::addmm(rows, u, b_.t(), /*beta=*/1, /*alpha=*/scale_);
}

at::Tensor LoraEmbedding::merged(const Embedding& base) const {
  return at::addmm(base.weight(), a_.t(), b_.t(), /*beta=*/1, /*alpha=*/scale_);
}

}  // namespace fennec
