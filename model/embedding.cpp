#include "model/embedding.h"

#include <utility>

#include "core/error.h"

namespace fennec {

Embedding::Embedding(std::string module, FrozenWeight weight)
    : module_(std::move(module)), weight_(std::move(weight)) {
  FENNEC_CHECK(weight_.defined(), module_);
}

at::Tensor Embedding::forward(const at::Tensor& ids) const {
  at::Tensor rows = weight_.rows(ids);
  return branch_ ? branch_->apply(ids, rows) : rows;
}

}  // namespace fennec
