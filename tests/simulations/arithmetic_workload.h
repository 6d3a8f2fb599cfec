#pragma once
#include <atomic>
#include <string>
#include <vector>

#include "aggregation/codec.h"
#include "core/digest.h"
#include "core/evaluation_tally.h"
#include "core/rng.h"
#include "simulations/workload.h"

namespace fennec::test {

inline LayoutPtr arithmetic_layout() {
  return std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"x", {8}}});
}

/// Training as arithmetic: the delta is a draw from the plan's seed. Fast, and wrong results show in
/// the bytes.
class ArithmeticWork final : public LocalWork {
 public:
  explicit ArithmeticWork(std::atomic<int>& trainings) : trainings_(trainings) {}

  Result<LocalUpdate> train(const RoundPlan& plan, const ParameterSet& base, const DeviceMemory*,
                            std::size_t data_set, const std::stop_token&) override {
    ++trainings_;
    ParameterSet delta(base.layout());
    fill_normal(Seed(plan.seed), delta.values(), 0.1F);
    for (std::size_t i = 0; i < delta.size(); ++i) delta.values()[i] -= 0.1F * base.values()[i];
    LocalUpdate update;
    update.bytes = make_codec("fp32")->encode(delta);
    UpdateOffer& offer = update.offer;
    offer.round = plan.round;
    offer.base_version = plan.version;
    offer.codec = "fp32";
    offer.layout_digest = base.layout()->digest();
    offer.num_examples = 4;
    offer.supervised_tokens = static_cast<std::int64_t>(10 + data_set);
    offer.steps = 2;
    offer.metrics = {{"loss", 2.0}};
    offer.payload_bytes = static_cast<std::int64_t>(update.bytes.size());
    offer.payload_sha256 = to_hex(sha256(update.bytes));
    return update;
  }

  Result<EvaluationReport> evaluate(const RoundPlan& plan, const ParameterSet& adapter, std::size_t,
                                    const std::stop_token&) override {
    EvaluationTally tally;
    double squares = 0;
    for (const float v : adapter.values()) squares += static_cast<double>(v) * static_cast<double>(v);
    tally.add_loss("t", squares, 1);
    EvaluationReport report;
    report.round = plan.round;
    report.version = plan.version;
    report.num_examples = 1;
    report.supervised_tokens = 1;
    report.metrics = tally.to_sums();
    return report;
  }

 private:
  std::atomic<int>& trainings_;
};

class ArithmeticWorkload final : public Workload {
 public:
  explicit ArithmeticWorkload(std::size_t sets) {
    for (std::size_t i = 0; i < sets; ++i) names_.push_back("set" + std::to_string(i));
  }
  const std::vector<std::string>& data_sets() const override { return names_; }
  std::int64_t train_examples(std::size_t) const override { return 5; }
  std::int64_t train_tokens(std::size_t, TrainedBefore) override { return 3000; }
  std::int64_t evaluation_tokens(std::size_t) override { return 500; }
  std::unique_ptr<LocalWork> make_work() override {
    return std::make_unique<ArithmeticWork>(trainings);
  }

  std::atomic<int> trainings{0};

 private:
  std::vector<std::string> names_;
};

}  // namespace fennec::test
