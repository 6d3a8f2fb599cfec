#include "bench/lora/eager_step.h"

#include <cmath>

#include <ATen/ATen.h>
#include <torch/optim/adamw.h>
// after the optimizer, whose headers it needs
#include <torch/nn/utils/clip_grad.h>

#include "core/lora_layout.h"

namespace fennec::bench {
namespace {

at::Tensor norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  return weight * (x * at::rsqrt(x.pow(2).mean(-1, true) + epsilon));
}

at::Tensor rotate_half(const at::Tensor& x) {
  const auto halves = x.chunk(2, -1);
  return at::cat({-halves[1], halves[0]}, -1);
}

at::Tensor repeat_heads(const at::Tensor& x, std::int64_t times) {
  const auto s = x.sizes();
  return x.unsqueeze(2)
      .expand({s[0], s[1], times, s[2], s[3]})
      .reshape({s[0], s[1] * times, s[2], s[3]});
}

}  // namespace

struct EagerTraining::Optimizer {
  std::vector<at::Tensor> tensors;
  torch::optim::AdamW adamw;

  Optimizer(std::vector<at::Tensor> all, const TrainConfig& c)
      : tensors(std::move(all)),
        adamw(tensors, torch::optim::AdamWOptions(c.learning_rate)
                           .betas({c.beta1, c.beta2})
                           .eps(c.epsilon)
                           .weight_decay(c.weight_decay)) {}
};

EagerTraining::EagerTraining(const StepSetup& setup)
    : setup_(setup), scale_(setup.lora.alpha / setup.lora.rank) {
  for (auto& [name, tensor] : setup.model->parameters()) weights_[name] = tensor;
  std::vector<at::Tensor> trained;
  for (const ParameterEntry& entry : setup.adapter.layout()->entries()) {
    const at::Tensor start = at::from_blob(
        const_cast<float*>(setup.adapter.values().data() + entry.offset), entry.shape, at::kFloat);
    trained.push_back(factors_[entry.name] = start.clone().requires_grad_(true));
  }
  optimizer_ = std::make_unique<Optimizer>(trained, setup.train);
  const LlamaConfig& c = setup.shape.model;
  const std::int64_t tokens = setup.shape.tokens;
  const at::Tensor exponents =
                       at::arange(0, c.head_dim, 2, at::kFloat) / static_cast<double>(c.head_dim),
                   inverse = at::reciprocal(at::pow(at::Scalar(c.rope.theta), exponents)),
                   angles = at::outer(at::arange(tokens, at::kFloat), inverse);
  cos_ = at::cat({angles, angles}, -1).cos();
  sin_ = at::cat({angles, angles}, -1).sin();
  mask_ = at::full({tokens, tokens}, -1e30, at::kFloat).triu(1);
}

EagerTraining::~EagerTraining() = default;

at::Tensor EagerTraining::adapted(const std::string& module, const at::Tensor& x) const {
  return at::linear(x, weights_.at(module + ".weight")) +
         at::linear(at::linear(x, factors_.at(lora_a_name(module))), factors_.at(lora_b_name(module))) *
             scale_;
}

at::Tensor EagerTraining::attention(const std::string& layer, const at::Tensor& x) const {
  const LlamaConfig& c = setup_.shape.model;
  const std::int64_t batch = x.size(0), tokens = x.size(1);
  const auto heads = [&](const std::string& name, std::int64_t count) {
    return adapted(layer + name, x).view({batch, tokens, count, c.head_dim}).transpose(1, 2);
  };
  at::Tensor q = heads("self_attn.q_proj", c.num_heads), k = heads("self_attn.k_proj", c.num_kv_heads),
             v = heads("self_attn.v_proj", c.num_kv_heads);
  q = q * cos_ + rotate_half(q) * sin_;
  k = k * cos_ + rotate_half(k) * sin_;
  const std::int64_t times = c.num_heads / c.num_kv_heads;
  k = repeat_heads(k, times);
  v = repeat_heads(v, times);
  const at::Tensor scores =
      at::matmul(q, k.transpose(2, 3)) / std::sqrt(static_cast<double>(c.head_dim)) + mask_;
  const at::Tensor out = at::matmul(at::softmax(scores, -1), v).transpose(1, 2);  // [B, T, H, E]
  return adapted(layer + "self_attn.o_proj", out.reshape({batch, tokens, -1}));
}

at::Tensor EagerTraining::hidden(const at::Tensor& ids) {
  const LlamaConfig& c = setup_.shape.model;
  at::Tensor x = at::embedding(weights_.at("model.embed_tokens.weight"), ids);  // [B, T, D]
  for (std::int64_t i = 0; i < c.num_layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    x = x + attention(layer, norm(x, weights_.at(layer + "input_layernorm.weight"), c.rms_norm_eps));
    const at::Tensor m =
        norm(x, weights_.at(layer + "post_attention_layernorm.weight"), c.rms_norm_eps);
    x = x + adapted(layer + "mlp.down_proj",
                    at::silu(adapted(layer + "mlp.gate_proj", m)) * adapted(layer + "mlp.up_proj", m));
  }
  return norm(x, weights_.at("model.norm.weight"), c.rms_norm_eps);
}

double EagerTraining::step(const TrainBatch& batch) {
  optimizer_->adamw.zero_grad();
  const at::Tensor logits =
      at::linear(hidden(batch.tokens.ids), weights_.at("model.embed_tokens.weight"));  // [B, T, V]
  const std::int64_t tokens = logits.size(1);
  const at::Tensor loss = at::cross_entropy_loss(
      logits.narrow(1, 0, tokens - 1).reshape({-1, logits.size(2)}),
      batch.labels.narrow(1, 1, tokens - 1).reshape({-1}), {}, at::Reduction::Mean, -100);
  loss.backward();
  torch::nn::utils::clip_grad_norm_(optimizer_->tensors, setup_.train.clip_norm);
  optimizer_->adamw.step();
  return loss.item<double>();
}

}  // namespace fennec::bench
