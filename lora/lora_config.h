#pragma once
#include <string>
#include <vector>

namespace fennec {

struct LoraConfig {
  int rank = 8;
  double alpha = 16;
  bool use_rslora = false;
  std::vector<std::string> target_modules = {"all-linear"};
};

template <class Visitor>
void fields(Visitor& v, LoraConfig& c) {
  v("rank", c.rank, "inner dimension R of the update B·A");
  v("alpha", c.alpha, "scale numerator: ΔW = alpha/rank · B·A");
  v("use_rslora", c.use_rslora, "scale by alpha/√rank instead (arXiv 2312.03732)");
  v("target_modules", c.target_modules, "names of the adapted linears, all-linear or peft-default");
}

/// Local training on a device.
struct TrainConfig {
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
};

template <class Visitor>
void fields(Visitor& v, TrainConfig& c) {
  v("learning_rate", c.learning_rate, "AdamW step size");
  v("weight_decay", c.weight_decay, "AdamW decoupled weight decay");
  v("beta1", c.beta1, "AdamW first-moment decay");
  v("beta2", c.beta2, "AdamW second-moment decay");
  v("epsilon", c.epsilon, "AdamW denominator floor");
  v("clip_norm", c.clip_norm, "global gradient norm limit per step; 0 = off");
  v("proximal_mu", c.proximal_mu,
    "FedProx: pull μ/2·‖w − w_start‖² towards the adapter a round starts from; 0 = off (arXiv "
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
  v("checkpoint_steps", c.checkpoint_steps, "steps between resumable checkpoints of a live client");
}

}  // namespace fennec
