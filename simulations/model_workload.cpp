#include "simulations/model_workload.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "client/local_round.h"
#include "configs/adapter.h"
#include "core/base_digest.h"
#include "data/example_selection.h"
#include "lora/frozen_prefix.h"
#include "model/causal_lm.h"
#include "simulations/device_data.h"

namespace fennec {
namespace {

/// One training thread: what a live client does, over the data set of whichever device it stands in
/// for.
class ModelWork final : public LocalWork {
 public:
  ModelWork(const Experiment& experiment, std::unique_ptr<CausalLm> model, const Tokenizer& tokenizer,
            const std::vector<DeviceData>& sets, const ParameterSet& frozen, PrefixStore* prefixes)
      : experiment_(experiment),
        model_(std::move(model)),
        tokenizer_(tokenizer),
        sets_(sets),
        frozen_(frozen),
        prefixes_(prefixes) {}

  Result<LocalUpdate> train(const RoundPlan& plan, const ParameterSet& base, const DeviceMemory* memory,
                            std::size_t data_set, const std::stop_token& stop) override {
    TrainHooks hooks;
    hooks.stop = stop;
    Result<TrainedUpdate> update = round_on(data_set).train(plan, base, memory, std::move(hooks));
    if (!update) return tl::unexpected(update.error());
    LocalUpdate out{std::move(update->offer), std::move(update->payload), nullptr, nullptr};
    if (!update->delta.empty())
      out.delta = std::make_shared<const ParameterSet>(std::move(update->delta));
    if (!update->memory.values.empty())
      out.memory = std::make_shared<const DeviceMemory>(std::move(update->memory));
    return out;
  }

  Result<EvaluationReport> evaluate(const RoundPlan& plan, const ParameterSet& adapter,
                                    std::size_t data_set, const std::stop_token& stop) override {
    return round_on(data_set).evaluate(plan, adapter, stop);
  }

 private:
  LocalRound& round_on(std::size_t data_set) {
    auto& round = rounds_[data_set];
    if (!round) {
      round = std::make_unique<LocalRound>(experiment_, *model_, tokenizer_, sets_[data_set], frozen_,
                                           LocalRound::Noise::kSeeded);
      round->set_prefix_store(prefixes_);
    }
    return *round;
  }

  const Experiment& experiment_;
  std::unique_ptr<CausalLm> model_;
  const Tokenizer& tokenizer_;
  const std::vector<DeviceData>& sets_;
  const ParameterSet& frozen_;
  PrefixStore* prefixes_;
  std::map<std::size_t, std::unique_ptr<LocalRound>> rounds_;
};

}  // namespace

ModelWorkload::ModelWorkload(const Experiment& experiment, std::vector<DeviceData> sets,
                             const std::filesystem::path& prefix_cache)
    : experiment_(experiment),
      sets_(std::move(sets)),
      base_(load_causal_lm(experiment.model.base, experiment.model.base_precision)),
      tokenizer_(Tokenizer::load(experiment.model.base)),
      plan_(plan_adapter(experiment, experiment.model.base)),
      frozen_(frozen_adapter(plan_, adapter_seed(experiment))),
      prefixes_(make_prefix_store(experiment.train.prefix_cache, prefix_cache, [&] {
        return prefix_identity(*base_, base_model_digest(experiment.model.base),
                               experiment.model.base_precision);
      })) {
  for (DeviceData& set : sets_) {
    thin_test_examples(set, static_cast<std::size_t>(experiment.simulation.evaluation_examples));
    names_.push_back(set.device_id);
  }
}

ModelWorkload::~ModelWorkload() = default;

std::int64_t ModelWorkload::train_examples(std::size_t data_set) const {
  return static_cast<std::int64_t>(sets_[data_set].train.size());
}

std::int64_t ModelWorkload::count_tokens(const std::vector<Example>& examples,
                                         std::int64_t enough) const {
  const auto longest = static_cast<std::size_t>(experiment_.train.max_sequence_tokens);
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < examples.size() && tokens < enough; ++i)
    tokens += static_cast<std::int64_t>(tokenize_example(tokenizer_, examples[i], longest).ids.size());
  return std::min(tokens, enough);
}

std::int64_t ModelWorkload::tokens_asked_for(std::size_t data_set) {
  const auto known = train_tokens_.find(data_set);
  if (known != train_tokens_.end()) return known->second;
  const TrainConfig& train = experiment_.train;
  const bool scores = selects(train.selection);
  const std::int64_t all =
      train.local_epochs > 0 || scores
          ? count_tokens(sets_[data_set].train, std::numeric_limits<std::int64_t>::max())
          : 0;
  std::int64_t tokens = train.local_epochs > 0 ? train.local_epochs * all
                                               : train.local_steps * count_tokens(sets_[data_set].train,
                                                                                  train.batch_tokens);
  if (scores) {  // an epoch is shorter, but scoring is half a step over everything: forward only
    if (train.local_epochs > 0)
      tokens = static_cast<std::int64_t>(static_cast<double>(tokens) * train.selection.share);
    tokens += all / 2;
  }
  return train_tokens_.emplace(data_set, tokens).first->second;
}

bool ModelWorkload::keeps_prefixes(TrainedBefore before) const {
  if (prefixes_ == nullptr) return false;
  return experiment_.train.prefix_cache.store == "disk" ? before.ever : before.in_this_life;
}

/// A step passes L layers forward and backward: 2·L. The p before the first adapted one are passed
/// forward only, each time or for each example once.
std::int64_t ModelWorkload::train_tokens(std::size_t data_set, TrainedBefore before) {
  const std::int64_t asked = tokens_asked_for(data_set);
  if (plan_.first_layer == 0) return asked;
  const auto layers = static_cast<double>(base_->layers()),
             below = static_cast<double>(plan_.first_layer) / (2 * layers);
  double prefix = static_cast<double>(asked);  // tokens that pass the layers below
  if (keeps_prefixes(before))
    prefix = 0;
  else if (prefixes_ != nullptr)
    prefix = static_cast<double>(count_tokens(sets_[data_set].train, asked));
  return std::llround(static_cast<double>(asked) * (1 - 2 * below) + prefix * below);
}

std::int64_t ModelWorkload::evaluation_tokens(std::size_t data_set) {
  const auto known = evaluation_tokens_.find(data_set);
  if (known != evaluation_tokens_.end()) return known->second;
  const std::int64_t tokens =
      count_tokens(sets_[data_set].test, std::numeric_limits<std::int64_t>::max());
  return evaluation_tokens_.emplace(data_set, tokens).first->second;
}

std::unique_ptr<LocalWork> ModelWorkload::make_work() {
  return std::make_unique<ModelWork>(experiment_, base_->share(), tokenizer_, sets_, frozen_,
                                     prefixes_.get());
}

}  // namespace fennec
