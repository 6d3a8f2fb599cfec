// Every way to train an adapter, through whole rounds of a federation.
#include "tests/support/doctest_torch.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "aggregation/codec.h"
#include "configs/adapter.h"
#include "core/peft_directory.h"
#include "simulations/model_workload.h"
#include "simulations/run_output.h"
#include "simulations/simulation.h"
#include "tests/simulations/recorded_workload.h"
#include "tests/simulations/small_federation.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using fennec::test::small_experiment;
using fennec::test::small_sets;
using fennec::test::use_one_compute_thread;

namespace {

constexpr std::size_t kDevices = 3;

/// The adapter that is left, and what came of it.
struct Federation {
  explicit Federation(Experiment experiment)
      : e(std::move(experiment)),
        plan(plan_adapter(e, e.model.base)),
        start(initial_adapter(plan, adapter_seed(e))) {
    use_one_compute_thread();
    ModelWorkload workload(e, small_sets(kDevices));
    test::RecordedWorkload recorded(workload);
    const auto devices = make_population(e.simulation, workload.data_sets(), Seed(e.seed));
    result = simulate(e, devices, recorded, start.clone(), 1);
    updates = std::move(recorded.updates);
  }

  /// Of one tensor: what came of the first round is the mean by supervised tokens, and not nothing.
  void check_mean(const ParameterEntry& entry) const {
    CAPTURE(entry.name);
    double tokens = 0;
    std::vector<double> mean(entry.size, 0.0);
    for (std::size_t i = 0; i < kDevices; ++i) {
      const auto delta = make_codec("fp32")->decode(updates[i].bytes, plan.layout);
      REQUIRE(delta);
      const auto weight = static_cast<double>(updates[i].offer.supervised_tokens);
      const std::span<const float> values = std::as_const(*delta).values(entry);
      for (std::size_t j = 0; j < mean.size(); ++j) mean[j] += weight * static_cast<double>(values[j]);
      tokens += weight;
    }
    double worst = 0, moved = 0;
    for (std::size_t j = 0; j < mean.size(); ++j) {
      const double step = static_cast<double>(result.adapter.values(entry)[j]) -
                          static_cast<double>(start.values(entry)[j]);
      worst = std::max(worst, std::abs(step - mean[j] / tokens));
      moved = std::max(moved, std::abs(step));
    }
    CHECK(worst <= 1e-6);
    CHECK(moved > 0);
  }

  Experiment e;
  AdapterPlan plan;
  ParameterSet start;
  SimulationResult result;
  std::vector<LocalUpdate> updates;
};

Experiment of_method(const std::string& method, int rounds) {
  Experiment e = small_experiment();
  e.lora.method = method;
  e.rounds.total = rounds;
  e.rounds.cohort_size = kDevices;
  if (method == "ia3") e.train.learning_rate = 3e-2;
  return e;
}

}  // namespace

TEST_CASE("every method: a round adds the mean of what the devices trained, and every tensor moves") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  for (const std::string& method : peft_method_names()) {
    CAPTURE(method);
    const Federation f(of_method(method, 1));
    REQUIRE(f.updates.size() == kDevices);
    for (const ParameterEntry& entry : f.plan.layout->entries()) f.check_mean(entry);
  }
}

TEST_CASE("every method: the loss falls over rounds, and the run leaves a whole PEFT adapter") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  for (const std::string& method : peft_method_names()) {
    CAPTURE(method);
    const Federation f(of_method(method, 3));
    CHECK(f.result.evaluations.back().metric("loss") < f.result.evaluations.front().metric("loss"));
    const test::TempDir dir;
    RunOutput output(f.e, dir / "run", Told::kNothing);
    output.begin(make_population(f.e.simulation, {"x"}, Seed(1)), 1, 2);
    output.finish(f.result, 0);
    const PeftAdapter adapter = read_peft_directory(dir / "run" / "adapter");
    CHECK(adapter.tensors.layout()->entries().size() == f.plan.tensors.size());
    CHECK(adapter.config.use_dora == (method == "dora"));
    CHECK((adapter.config.type == PeftType::kIa3) == (method == "ia3"));
    const ParameterSet frozen = frozen_adapter(f.plan, adapter_seed(f.e));
    for (const ParameterEntry& entry : frozen.layout()->entries()) {
      const ParameterEntry* written = adapter.tensors.layout()->find(entry.name);
      REQUIRE(written != nullptr);
      CHECK(std::ranges::equal(adapter.tensors.values(*written), frozen.values(entry)));
    }
  }
}

TEST_CASE("halves in turn with a DoRA adapter: its magnitudes travel with either half") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  Experiment e = of_method("dora", 2);
  e.aggregation.strategy = "rolora";
  const Federation f(e);
  REQUIRE(f.updates.size() == 2 * kDevices);
  CHECK(f.updates.front().offer.layout_digest != f.updates.back().offer.layout_digest);
  for (const ParameterEntry& entry : f.plan.layout->entries())
    CHECK_FALSE(std::ranges::equal(f.result.adapter.values(entry), f.start.values(entry)));
}

TEST_CASE("zeroth-order training federates: a round moves the adapter by the devices' mean") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  Experiment e = of_method("ffa_lora", 1);
  e.train.optimizer = "mezo";
  e.train.mezo.learning_rate = 1e-3;
  const Federation f(e);
  for (const ParameterEntry& entry : f.plan.layout->entries()) f.check_mean(entry);
}

TEST_CASE("a selection of examples trains on fewer of them, of every label, and repeats bit for bit") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  Experiment e = of_method("lora", 1);
  e.train.local_steps = 0;
  e.train.local_epochs = 1;
  const Federation all(e);
  e.train.selection.strategy = "mixed";
  e.train.selection.share = 0.5;
  const Federation chosen(e), again(e);
  CHECK(all.updates.front().offer.num_examples == 8);
  CHECK(chosen.updates.front().offer.num_examples < 8);
  CHECK(chosen.updates.front().offer.num_examples >= 2);
  CHECK(std::ranges::equal(chosen.result.adapter.bytes(), again.result.adapter.bytes()));
}
