#include "model/causal_lm.h"

#include <ATen/ATen.h>

#include "core/error.h"
#include "model/checkpoint.h"
#include "model/model_config.h"
#include "model/ops/linear_cross_entropy.h"
#include "model/registry.h"

namespace fennec {

LossSum supervised_loss(const CausalLm& model, const TokenBatch& batch, const at::Tensor& labels) {
  FENNEC_CHECK(labels.sizes() == batch.ids.sizes());
  const std::int64_t rows = labels.size(0), tokens = labels.size(1);
  at::Tensor next = at::full({rows, tokens}, -100, at::kLong);  // the label that position t predicts
  if (tokens > 1) next.narrow(1, 0, tokens - 1).copy_(labels.narrow(1, 1, tokens - 1));
  const at::Tensor flat = next.flatten();
  const at::Tensor supervised = flat.ne(-100).nonzero().flatten();
  if (supervised.numel() == 0) return {at::zeros({}, at::kFloat), 0};
  const at::Tensor h = model.hidden(batch).flatten(0, 1).index_select(0, supervised);  // [N, D]
  const at::Tensor targets = flat.index_select(0, supervised);
  if (const FrozenWeight weight = model.head_weight(); weight.defined())
    return {linear_cross_entropy(h, weight, targets), supervised.numel()};
  return {at::nll_loss(at::log_softmax(model.head(h), -1), targets, {}, at::Reduction::Sum),
          supervised.numel()};
}

std::unique_ptr<CausalLm> load_causal_lm(const std::filesystem::path& dir,
                                         const std::string& base_precision) {
  if (!is_base_precision(base_precision))
    throw ConfigError("base precision '" + base_precision +
                      "' is unknown; known: " + base_precisions());
  const HfConfig config = HfConfig::read(dir);
  config.family();  // its refusals are clearer than those of the weights
  Checkpoint checkpoint = Checkpoint::open(dir, base_precision);
  return load_family(config, checkpoint);
}

}  // namespace fennec
