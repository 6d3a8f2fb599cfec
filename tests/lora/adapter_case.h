#pragma once
#include <memory>
#include <string>

#include <ATen/ATen.h>

#include "core/adapter_plan.h"
#include "lora/adapter_attachment.h"
#include "model/save_checkpoint.h"
#include "tests/lora/tiny_llama.h"
#include "tests/support/temp_dir.h"

namespace fennec::test {

inline TokenBatch counting_batch(std::int64_t rows, std::int64_t tokens) {
  return {at::arange(rows * tokens, at::kLong).remainder(37).view({rows, tokens}), {}, {}};
}

inline at::Tensor logits_of(const CausalLm& model, const TokenBatch& batch) {
  return model.head(model.hidden(batch).flatten(0, 1));
}

inline double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }
inline double distance(const at::Tensor& a, const at::Tensor& b) { return largest(a - b); }

/// A tiny model on disk and in memory, and one method's adapter on it.
struct AdapterCase {
  explicit AdapterCase(const std::string& method, LoraConfig config = {4, 8, false, {"all-linear"}})
      : model(tiny_llama()), lora(std::move(config)) {
    lora.method = method;
    save_checkpoint(*model, dir.path(), Dtype::kF32);
    plan = plan_adapter(dir.path(), to_peft_config(lora, ""), peft_method(method));
    start = initial_adapter(plan, Seed(5));
    frozen = frozen_adapter(plan, Seed(5));
  }

  /// Every trained value a little away from its start, so that nothing is zero.
  ParameterSet moved(std::uint64_t seed) const {
    ParameterSet out(plan.layout);
    fill_normal(Seed(seed), out.values(), 0.1F);
    for (std::size_t i = 0; i < out.size(); ++i) out.values()[i] += start.values()[i];
    return out;
  }

  at::Tensor attached_logits(ParameterSet& adapter, const TokenBatch& batch) {
    const AdapterAttachment attached(*model, adapter, plan.config, false, frozen);
    return logits_of(*model, batch);
  }

  TempDir dir;
  std::unique_ptr<CausalLm> model;
  LoraConfig lora;
  AdapterPlan plan;
  ParameterSet start, frozen;
};

}  // namespace fennec::test
