#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "configs/experiment.h"
#include "data/example_io.h"
#include "model/tokenizer.h"
#include "simulations/workload.h"

namespace fennec {

class CausalLm;

/// Real training and scoring on one base model: the weights are loaded once and shared by all training
/// threads, each of which has projections of its own (CausalLm::share). A thousand devices hold no
/// model between them. Examples are tokenised when a device first trains.
class ModelWorkload final : public Workload {
 public:
  /// @param experiment  outlives the workload.  Throws IoError when the base model cannot be read.
  ModelWorkload(const Experiment& experiment, std::vector<DeviceData> sets);
  ~ModelWorkload() override;

  const std::vector<std::string>& data_sets() const override { return names_; }
  std::int64_t train_examples(std::size_t data_set) const override;
  std::int64_t train_tokens(std::size_t data_set) override;
  std::int64_t evaluation_tokens(std::size_t data_set) override;
  std::unique_ptr<LocalWork> make_work() override;

 private:
  std::int64_t count_tokens(const std::vector<Example>& examples, std::int64_t enough) const;

  const Experiment& experiment_;
  std::vector<DeviceData> sets_;
  std::vector<std::string> names_;
  std::unique_ptr<CausalLm> base_;
  Tokenizer tokenizer_;
  ParameterSet frozen_;  ///< adapter tensors that no round changes
  std::map<std::size_t, std::int64_t> train_tokens_, evaluation_tokens_;  ///< counted so far
};

}  // namespace fennec
