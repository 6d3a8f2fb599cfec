#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "configs/experiment.h"
#include "core/adapter_plan.h"
#include "data/example_io.h"
#include "model/tokenizer.h"
#include "simulations/workload.h"

namespace fennec {

class CausalLm;
class PrefixStore;

/// Real training and scoring on one base model: the weights are loaded once and shared by all training
/// threads, each of which has projections of its own (CausalLm::share). A thousand devices hold no
/// model between them. Examples are tokenised when a device first trains. What train.prefix_cache keeps
/// is one store for all devices: which thread or device put it there changes no bit.
class ModelWorkload final : public Workload {
 public:
  /// @param experiment  outlives the workload  @param prefix_cache  directory of a store on disk
  /// Throws IoError when the base model cannot be read, ConfigError as plan_adapter().
  ModelWorkload(const Experiment& experiment, std::vector<DeviceData> sets,
                const std::filesystem::path& prefix_cache = {});
  ~ModelWorkload() override;

  const std::vector<std::string>& data_sets() const override { return names_; }
  std::int64_t train_examples(std::size_t data_set) const override;
  std::int64_t train_tokens(std::size_t data_set, TrainedBefore before) override;
  std::int64_t evaluation_tokens(std::size_t data_set) override;
  std::unique_ptr<LocalWork> make_work() override;

 private:
  std::int64_t count_tokens(const std::vector<Example>& examples, std::int64_t enough) const;
  std::int64_t tokens_asked_for(std::size_t data_set);
  bool keeps_prefixes(TrainedBefore before) const;

  const Experiment& experiment_;
  std::vector<DeviceData> sets_;
  std::vector<std::string> names_;
  std::unique_ptr<CausalLm> base_;
  Tokenizer tokenizer_;
  AdapterPlan plan_;
  ParameterSet frozen_;                    ///< adapter tensors that no round changes
  std::unique_ptr<PrefixStore> prefixes_;  ///< null: nothing is kept
  std::map<std::size_t, std::int64_t> train_tokens_, evaluation_tokens_;  ///< counted so far
};

}  // namespace fennec
