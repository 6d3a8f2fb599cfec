#pragma once
#include <string>
#include <vector>

#include "core/params.h"
#include "core/peft_config.h"
#include "data/example_selection_config.h"
#include "lora/prefix_cache_config.h"

namespace fennec {

/// The adapter of a run.
struct LoraConfig {
  int rank = 8;
  double alpha = 16;
  bool use_rslora = false;
  std::vector<std::string> target_modules = {"all-linear"};
  std::string method = "lora";
  double plus_ratio = 4;
  std::vector<int> layers_to_transform = {};
  std::vector<std::string> modules_to_save = {};
  NumberMap rank_pattern = {}, alpha_pattern = {};
};

template <class Visitor>
void fields(Visitor& v, LoraConfig& c) {
  v("method", c.method, "what is trained: lora, lora_plus, dora, ia3, ffa_lora (docs/peft.md)");
  v("rank", c.rank, "inner dimension R of the update B·A");
  v("alpha", c.alpha, "scale numerator: ΔW = alpha/rank · B·A");
  v("use_rslora", c.use_rslora, "scale by alpha/√rank instead (arXiv 2312.03732)");
  v("plus_ratio", c.plus_ratio, "lora_plus: learning rate of B over that of A");
  v("target_modules", c.target_modules,
    "names of the adapted linears, all-linear or peft-default; the token embedding and output head "
    "too, if named");
  v("layers_to_transform", c.layers_to_transform,
    "adapt only the linears of these layers; empty = all");
  v("rank_pattern", c.rank_pattern,
    "rank by regular expression over module paths; the first match wins");
  v("alpha_pattern", c.alpha_pattern, "alpha by regular expression, likewise");
  v("modules_to_save", c.modules_to_save,
    "trained whole, not by an adapter: the token embedding, the output head");
}

/// What adapter_config.json says of it before the method and the base model have their say
/// (core/adapter_plan.h).
inline PeftConfig to_peft_config(const LoraConfig& config, const std::string& base) {
  PeftConfig peft;
  peft.r = config.rank;
  peft.lora_alpha = config.alpha;
  peft.use_rslora = config.use_rslora;
  peft.base_model_name_or_path = base;
  peft.target_modules = config.target_modules;
  peft.modules_to_save = config.modules_to_save;
  peft.layers_to_transform = config.layers_to_transform;
  peft.rank_pattern = config.rank_pattern;
  peft.alpha_pattern = config.alpha_pattern;
  return peft;
}

// The only list of optimizers: a name is a file, lora/<name>_steps.cpp.
#define FENNEC_OPTIMIZERS(X) X(adamw) X(sgd) X(mezo)

inline const std::vector<std::string>& optimizer_names() {
#define FENNEC_NAME(name) #name,
  static const std::vector<std::string> names = {FENNEC_OPTIMIZERS(FENNEC_NAME)};
#undef FENNEC_NAME
  return names;
}

/// Zeroth-order training (train.optimizer mezo).
struct MezoConfig {
  double learning_rate = 5e-5;
  double epsilon = 1e-2;
};

template <class Visitor>
void fields(Visitor& v, MezoConfig& c) {
  v("learning_rate", c.learning_rate,
    "step size along the estimated gradient; smaller for larger adapters");
  v("epsilon", c.epsilon, "distance of the two probes from the adapter, in units of its values");
}

/// Local training on a device.
struct TrainConfig {
  std::string optimizer = "adamw";
  double learning_rate = 2e-3;
  double weight_decay = 0;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double clip_norm = 1.0;
  double proximal_mu = 0;
  int warmup_steps = 0;
  int local_steps = 20;
  int local_epochs = 0;
  int batch_tokens = 1024;
  int max_sequence_tokens = 512;
  int checkpoint_steps = 10;
  bool gradient_checkpointing = false;
  MezoConfig mezo;
  PrefixCacheConfig prefix_cache;
  ExampleSelectionConfig selection;
};

template <class Visitor>
void fields(Visitor& v, TrainConfig& c) {
  v("optimizer", c.optimizer,
    "adamw; sgd: plain gradient steps; or mezo: no backward pass, the memory of inference, many more "
    "steps");
  v("learning_rate", c.learning_rate, "AdamW or SGD step size");
  v("weight_decay", c.weight_decay, "AdamW decoupled weight decay");
  v("beta1", c.beta1, "AdamW first-moment decay");
  v("beta2", c.beta2, "AdamW second-moment decay");
  v("epsilon", c.epsilon, "AdamW denominator floor");
  v("mezo", c.mezo, "");
  v("clip_norm", c.clip_norm, "AdamW, SGD: global gradient norm limit per step; 0 = off");
  v("proximal_mu", c.proximal_mu,
    "AdamW: FedProx, pull μ/2·‖w − w_start‖² towards the adapter a round starts from; 0 = off (arXiv "
    "1812.06127)");
  v("warmup_steps", c.warmup_steps, "linear learning-rate warm-up within a round");
  v("local_steps", c.local_steps, "optimizer steps a round (used when local_epochs is 0)");
  v("local_epochs", c.local_epochs, "passes over the device's examples a round; 0 = use local_steps");
  v("batch_tokens", c.batch_tokens, "packed tokens a step, prompts included");
  v("max_sequence_tokens", c.max_sequence_tokens,
    "longest packed row; longer examples lose the start of the prompt");
  v("gradient_checkpointing", c.gradient_checkpointing,
    "keep only each layer's input and compute the layer again in the backward pass: less memory, half "
    "again the time");
  v("prefix_cache", c.prefix_cache, "");
  v("selection", c.selection.strategy,
    "train on a share of the examples, scored once a round: none (all of them), mixed (half el2n, half "
    "k_center), loss, el2n, ifd, k_center");
  v("selection_share", c.selection.share, "share of the examples that are trained on; 1 = all");
  v("selection_noise", c.selection.noise_share,
    "share with the highest loss that is left out first, as likely mislabelled");
  v("checkpoint_steps", c.checkpoint_steps, "steps between resumable checkpoints of a live client");
}

}  // namespace fennec
