#include "lora/trainer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "core/clock.h"
#include "core/parameter_math.h"
#include "lora/adamw.h"
#include "lora/lora.h"
#include "lora/packing.h"
#include "lora/train_checkpoint.h"
#include "model/causal_lm.h"
#include "model/compute_memory.h"

namespace fennec {

namespace {

double learning_rate(const TrainConfig& config, std::int64_t step) {
  if (step >= config.warmup_steps) return config.learning_rate;
  return config.learning_rate * static_cast<double>(step + 1) / config.warmup_steps;
}

AdamWOptions adamw_options(const TrainConfig& config) {
  return {config.beta1, config.beta2, config.epsilon, config.weight_decay};
}

/// One run of local training: the adapter attached, its optimizer, and how far it has come.
class TrainingRun {
 public:
  TrainingRun(CausalLm& model, const LoraConfig& lora, const TrainConfig& config, ParameterSet& adapter,
              const TrainHooks& hooks)
      : model_(model),
        config_(config),
        adapter_(adapter),
        attachment_(model, adapter, to_peft_config(lora, "", {}), /*trainable=*/true),
        optimizer_(attachment_.tensors(), adamw_options(config)) {
    model.set_gradient_checkpointing(config.gradient_checkpointing);
    if (config.gradient_checkpointing) return_freed_memory();
    if (config.proximal_mu > 0) start_ = adapter.clone();
    for (std::size_t i = 0; hooks.trains && i < attachment_.tensors().size(); ++i)
      if (!hooks.trains(adapter.layout()->entries()[i].name))
        attachment_.tensors()[i].set_requires_grad(false);
  }

  void resume_from(const TrainCheckpoint& saved) {
    if (saved.adapter.size() != adapter_.size() ||
        !optimizer_.restore(saved.first_moment, saved.second_moment, saved.optimizer_steps))
      return;
    std::copy(saved.adapter.begin(), saved.adapter.end(), adapter_.values().begin());
    report_ = saved.report;
    report_.mean_loss = saved.loss_sum / static_cast<double>(std::max<std::int64_t>(report_.steps, 1));
    loss_sum_ = saved.loss_sum;
  }

  TrainCheckpoint checkpoint() const {
    const auto values = std::as_const(adapter_).values();
    const auto m = optimizer_.first_moment(), v = optimizer_.second_moment();
    return {{values.begin(), values.end()},
            {m.begin(), m.end()},
            {v.begin(), v.end()},
            report_,
            optimizer_.steps(),
            loss_sum_};
  }

  /// One optimizer step; the report then counts it. @return its loss, nats per supervised token
  Result<double> step(const TrainBatch& batch) {
    optimizer_.zero_grad();
    const LossSum loss = supervised_loss(model_, batch.tokens, batch.labels);
    double mean = 0;
    if (loss.positions > 0) {  // else nothing to learn from: the step passes without an update
      const at::Tensor objective = loss.sum / static_cast<double>(loss.positions);
      mean = objective.item<double>();
      if (!std::isfinite(mean))
        return fail(ErrorCode::kNumeric, "loss is not finite at step " + step_name());
      objective.backward();
      add_proximal_gradient();
      if (!std::isfinite(clip_grad_norm(attachment_.tensors(), config_.clip_norm)))
        return fail(ErrorCode::kNumeric, "gradient is not finite at step " + step_name());
      optimizer_.step(learning_rate(config_, report_.steps));
    }
    count(batch, loss.positions, mean);
    return mean;
  }

  const TrainReport& report() const { return report_; }

 private:
  std::string step_name() const { return std::to_string(report_.steps + 1); }

  /// FedProx (Li et al., arXiv 1812.06127): ∇ μ/2·‖w − w_start‖² = μ·(w − w_start).
  void add_proximal_gradient() {
    if (start_.empty()) return;
    const auto mu = static_cast<float>(config_.proximal_mu);
    for (std::size_t i = 0; i < attachment_.tensors().size(); ++i) {
      const at::Tensor grad = attachment_.tensors()[i].grad();
      if (!grad.defined()) continue;
      const ParameterEntry& entry = adapter_.layout()->entries()[i];
      const std::span<float> gradient(grad.data_ptr<float>(), entry.size);
      axpy(mu, std::as_const(adapter_).values(entry), gradient);
      axpy(-mu, std::as_const(start_).values(entry), gradient);
    }
  }

  void count(const TrainBatch& batch, std::int64_t positions, double loss) {
    if (report_.steps == 0) report_.first_loss = loss;
    ++report_.steps;
    report_.num_examples += batch.num_examples;
    report_.supervised_tokens += positions;
    report_.last_loss = loss;
    loss_sum_ += loss;
    report_.mean_loss = loss_sum_ / static_cast<double>(report_.steps);
  }

  CausalLm& model_;
  const TrainConfig& config_;
  ParameterSet& adapter_;
  LoraAttachment attachment_;
  AdamW optimizer_;
  ParameterSet start_;  ///< what the proximal term pulls to; empty without one
  TrainReport report_;
  double loss_sum_ = 0;
};

}  // namespace

struct Trainer::State {
  CausalLm& model;
  LoraConfig lora;
  TrainConfig config;

  Result<TrainReport> train(ParameterSet& adapter, const std::vector<TokenizedExample>& examples,
                            Seed seed, const TrainHooks& hooks) const;
};

Trainer::Trainer(CausalLm& model, const LoraConfig& lora, const TrainConfig& train)
    : state_(new State{model, lora, train}) {}
Trainer::~Trainer() = default;

Result<TrainReport> Trainer::State::train(ParameterSet& adapter,
                                          const std::vector<TokenizedExample>& examples, Seed seed,
                                          const TrainHooks& hooks) const {
  const bool saves = !hooks.checkpoint.empty();
  const std::string identity = saves ? training_identity(adapter, examples, lora, config, seed) : "";
  TrainingRun run(model, lora, config, adapter, hooks);
  if (saves)
    if (const auto saved = load_train_checkpoint(hooks.checkpoint, identity)) run.resume_from(*saved);

  BatchSchedule schedule(examples, config, seed);
  while (run.report().steps < schedule.total_steps()) {
    if (hooks.stop.stop_requested()) {
      if (saves) save_train_checkpoint(hooks.checkpoint, identity, run.checkpoint());
      return fail(ErrorCode::kBudget,
                  "training stopped after step " + std::to_string(run.report().steps));
    }
    const auto loss = run.step(schedule.at(run.report().steps));
    if (!loss) return tl::unexpected(loss.error());
    const std::int64_t done = run.report().steps;
    const bool last = done == schedule.total_steps();
    if (saves && (last || (config.checkpoint_steps > 0 && done % config.checkpoint_steps == 0)))
      save_train_checkpoint(hooks.checkpoint, identity, run.checkpoint());
    if (hooks.on_step) hooks.on_step(done, schedule.total_steps(), *loss);
  }
  if (!all_finite(std::as_const(adapter).values()))
    return fail(ErrorCode::kNumeric, "the trained adapter is not finite");
  return run.report();
}

Result<TrainReport> Trainer::train(ParameterSet& adapter, const std::vector<TokenizedExample>& examples,
                                   Seed seed, const TrainHooks& hooks) {
  if (examples.empty()) return fail(ErrorCode::kNotFound, "no examples to train on");
  const SteadyClock clock;
  const TimePoint start = clock.now();
  try {
    auto report = state_->train(adapter, examples, seed, hooks);
    if (report) report->seconds = to_seconds(clock.now() - start);
    return report;
  } catch (const IoError& e) {  // an adapter of another base model
    return fail(ErrorCode::kMismatch, e.what());
  } catch (const c10::Error& e) {
    return fail(ErrorCode::kNumeric, std::string("tensor library: ") + e.what_without_backtrace());
  }
}

}  // namespace fennec
