#include "lora/trainer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "core/adapter_modules.h"
#include "core/clock.h"
#include "core/parameter_math.h"
#include "lora/adapter_attachment.h"
#include "lora/example_privacy.h"
#include "lora/example_scores.h"
#include "lora/frozen_prefix.h"
#include "lora/packing.h"
#include "lora/step_rule.h"
#include "lora/train_checkpoint.h"
#include "model/causal_lm.h"
#include "model/compute_memory.h"

namespace fennec {

namespace {

std::int64_t first_layer_of(const ParameterSet& adapter, const ParameterSet& frozen, CausalLm& model) {
  std::vector<ParameterEntry> entries;
  for (const ParameterSet* part : {&adapter, &frozen})
    if (!part->empty())
      std::ranges::copy_if(part->layout()->entries(), std::back_inserter(entries),
                           [](const ParameterEntry& e) { return !e.name.ends_with(kAbsorbedSuffix); });
  std::vector<std::string> modules;
  for (const AdapterModule& module : adapter_modules(entries, "adapter"))
    modules.push_back(module.module);
  const Embedding* embedding = model.embedding();
  return first_adapted_layer(modules, embedding != nullptr ? embedding->module() : "", model.layers());
}

/// One run of local training: the adapter attached, its optimizer, and how far it has come.
class TrainingRun {
 public:
  TrainingRun(CausalLm& model, const LoraConfig& lora, const TrainConfig& config, ParameterSet& adapter,
              const ParameterSet& frozen, Seed seed, const TrainHooks& hooks)
      : model_(model),
        config_(config),
        adapter_(adapter),
        attachment_(model, adapter, attached_config(lora), /*trainable=*/true, frozen) {
    model.set_gradient_checkpointing(config.gradient_checkpointing);
    if (config.gradient_checkpointing) return_freed_memory();
    for (std::size_t i = 0; hooks.trains && i < attachment_.tensors().size(); ++i)
      if (!hooks.trains(adapter.layout()->entries()[i].name))
        attachment_.tensors()[i].set_requires_grad(false);
    rule_ = make_step_rule(
        {model, adapter, attachment_, lora, config, seed, hooks.correction, hooks.privacy});
    if (hooks.privacy == nullptr) freeze_prefix(frozen, hooks.prefix_store);
  }

  /// The examples to train on, chosen by the adapter as it is now.
  Result<std::vector<TokenizedExample>> select(const std::vector<TokenizedExample>& examples,
                                               const std::stop_token& stop) {
    const auto scored = score_examples(model_, examples, static_cast<std::size_t>(config_.batch_tokens),
                                       stop, prefix());
    if (!scored) return tl::unexpected(scored.error());
    std::vector<TokenizedExample> chosen;
    for (const std::size_t index : select_examples(config_.selection, *scored))
      chosen.push_back(examples[index]);
    return chosen;
  }

  void resume_from(const TrainCheckpoint& saved) {
    if (saved.adapter.size() != adapter_.size() || !rule_->restore(saved.memory)) return;
    std::copy(saved.adapter.begin(), saved.adapter.end(), adapter_.values().begin());
    report_ = saved.report;
    report_.mean_loss = saved.loss_sum / static_cast<double>(std::max<std::int64_t>(report_.steps, 1));
    loss_sum_ = saved.loss_sum;
  }

  TrainCheckpoint checkpoint() const {
    const auto values = std::as_const(adapter_).values();
    return {{values.begin(), values.end()}, rule_->memory(), report_, loss_sum_};
  }

  /// One optimizer step; the report then counts it. @return its loss, nats per supervised token
  /// @param examples  those that the batch was made of
  Result<double> step(const std::vector<TokenizedExample>& examples, TrainBatch batch) {
    if (prefix_) prefix_->enter(examples, batch);
    const auto loss = rule_->step(batch, report_.steps);
    if (!loss) return tl::unexpected(loss.error());
    count(batch, *loss);
    return loss->mean;
  }

  TrainReport report() const {
    TrainReport report = report_;
    if (prefix_) {
      report.prefixes_computed = prefix_->counts().computed;
      report.prefixes_reused = prefix_->counts().reused;
    }
    return report;
  }
  std::int64_t steps() const { return report_.steps; }
  std::size_t values() const { return trained_values(attachment_.tensors()); }

 private:
  FrozenPrefix* prefix() { return prefix_ ? &*prefix_ : nullptr; }

  void freeze_prefix(const ParameterSet& frozen, PrefixStore* store) {
    const std::int64_t first = first_layer_of(adapter_, frozen, model_);
    if (first == 0) return;
    const std::string& precision = config_.prefix_cache.precision;
    prefix_.emplace(model_, first,
                    store != nullptr ? state_precision(precision) : StatePrecision::kFp32, store);
  }

  void count(const TrainBatch& batch, const StepLoss& loss) {
    if (report_.steps == 0) report_.first_loss = loss.mean;
    ++report_.steps;
    report_.num_examples += static_cast<std::int64_t>(batch.examples.size());
    report_.supervised_tokens += loss.positions;
    report_.last_loss = loss.mean;
    loss_sum_ += loss.mean;
    report_.mean_loss = loss_sum_ / static_cast<double>(report_.steps);
  }

  CausalLm& model_;
  const TrainConfig& config_;
  ParameterSet& adapter_;
  AdapterAttachment attachment_;
  std::unique_ptr<StepRule> rule_;
  std::optional<FrozenPrefix> prefix_;  ///< when the first layer is not adapted
  TrainReport report_;
  double loss_sum_ = 0;
};

}  // namespace

struct Trainer::State {
  CausalLm& model;
  LoraConfig lora;
  TrainConfig config;
  const ParameterSet& frozen;

  Result<TrainReport> train(ParameterSet& adapter, const std::vector<TokenizedExample>& examples,
                            Seed seed, const TrainHooks& hooks) const;
};

Trainer::Trainer(CausalLm& model, const LoraConfig& lora, const TrainConfig& train,
                 const ParameterSet& frozen)
    : state_(new State{model, lora, train, frozen}) {}
Trainer::~Trainer() = default;

Result<TrainReport> Trainer::State::train(ParameterSet& adapter,
                                          const std::vector<TokenizedExample>& examples, Seed seed,
                                          const TrainHooks& hooks) const {
  const bool saves = !hooks.checkpoint.empty();
  const std::string identity =
      saves ? training_identity(adapter, frozen, hooks.correction, examples, lora, config, seed) : "";
  TrainingRun run(model, lora, config, adapter, frozen, seed, hooks);
  Result<std::vector<TokenizedExample>> chosen;
  if (selects(config.selection))
    chosen = run.select(examples, hooks.stop);  // by the adapter of the round
  if (!chosen) return tl::unexpected(chosen.error());
  const auto& used = selects(config.selection) ? *chosen : examples;
  if (saves)
    if (const auto saved = load_train_checkpoint(hooks.checkpoint, identity)) run.resume_from(*saved);

  BatchSchedule schedule(used, config, seed);
  const std::int64_t total = hooks.privacy ? hooks.privacy->total_steps() : schedule.total_steps();
  const auto batch_at = [&](std::int64_t step) {
    if (hooks.privacy == nullptr) return schedule.at(step);
    return private_batch(used, hooks.privacy->begin(step, run.values()));
  };
  while (run.steps() < total) {
    if (hooks.stop.stop_requested()) {
      if (saves) save_train_checkpoint(hooks.checkpoint, identity, run.checkpoint());
      return fail(ErrorCode::kBudget, "training stopped after step " + std::to_string(run.steps()));
    }
    const auto loss = run.step(used, batch_at(run.steps()));
    if (!loss) return tl::unexpected(loss.error());
    const std::int64_t done = run.steps();
    const bool last = done == total;
    if (saves && (last || (config.checkpoint_steps > 0 && done % config.checkpoint_steps == 0)))
      save_train_checkpoint(hooks.checkpoint, identity, run.checkpoint());
    if (hooks.on_step) hooks.on_step(done, total, *loss);
  }
  if (!all_finite(std::as_const(adapter).values()))
    return fail(ErrorCode::kNumeric, "the trained adapter is not finite");
  TrainReport report = run.report();
  report.examples_offered = static_cast<std::int64_t>(examples.size());
  report.examples_chosen = static_cast<std::int64_t>(used.size());
  return report;
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
