#pragma once
#include <memory>
#include <string>
#include <vector>

#include "simulations/workload.h"

namespace fennec::test {

/// A workload whose updates can be looked at. One training thread.
class RecordedWorkload final : public Workload {
 public:
  explicit RecordedWorkload(Workload& workload) : workload_(workload) {}
  const std::vector<std::string>& data_sets() const override { return workload_.data_sets(); }
  std::int64_t train_examples(std::size_t set) const override { return workload_.train_examples(set); }
  std::int64_t train_tokens(std::size_t set, TrainedBefore before) override {
    return workload_.train_tokens(set, before);
  }
  std::int64_t evaluation_tokens(std::size_t set) override { return workload_.evaluation_tokens(set); }
  std::unique_ptr<LocalWork> make_work() override {
    return std::make_unique<Work>(workload_.make_work(), updates);
  }

  std::vector<LocalUpdate> updates;

 private:
  class Work final : public LocalWork {
   public:
    Work(std::unique_ptr<LocalWork> work, std::vector<LocalUpdate>& all)
        : work_(std::move(work)), updates_(all) {}
    Result<LocalUpdate> train(const RoundPlan& plan, const ParameterSet& base,
                              const DeviceMemory* memory, std::size_t set,
                              const std::stop_token& stop) override {
      auto update = work_->train(plan, base, memory, set, stop);
      if (update) updates_.push_back(*update);
      return update;
    }
    Result<EvaluationReport> evaluate(const RoundPlan& plan, const ParameterSet& adapter,
                                      std::size_t set, const std::stop_token& stop) override {
      return work_->evaluate(plan, adapter, set, stop);
    }

   private:
    std::unique_ptr<LocalWork> work_;
    std::vector<LocalUpdate>& updates_;
  };

  Workload& workload_;
};

}  // namespace fennec::test
