// Every way to train an adapter under secure aggregation, by real training: what is committed is the
// mean of what the devices would have sent without it.
#include "tests/support/doctest_torch.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "aggregation/codec.h"
#include "configs/adapter.h"
#include "simulations/model_workload.h"
#include "simulations/simulation.h"
#include "tests/simulations/recorded_workload.h"
#include "tests/simulations/small_federation.h"

using namespace fennec;  // NOLINT: test

namespace {

constexpr std::size_t kDevices = 4;
constexpr double kClip = 1;

struct Outcome {
  AdapterPlan plan;
  ParameterSet start;
  SimulationResult result;
  std::vector<LocalUpdate> updates;
};

Outcome run(const Experiment& e) {
  test::use_one_compute_thread();
  Outcome out{plan_adapter(e, e.model.base), {}, {}, {}};
  out.start = initial_adapter(out.plan, adapter_seed(e));
  ModelWorkload workload(e, test::small_sets(kDevices));
  test::RecordedWorkload recorded(workload);
  const auto devices = make_population(e.simulation, workload.data_sets(), Seed(e.seed));
  out.result = simulate(e, devices, recorded, out.start.clone(), 1);
  out.updates = std::move(recorded.updates);
  return out;
}

Experiment plain_experiment(const std::string& method, const std::string& optimizer) {
  Experiment e = test::small_experiment();
  e.lora.method = method;
  e.train.optimizer = optimizer;
  e.train.mezo.learning_rate = 1e-3;
  if (method == "ia3") e.train.learning_rate = 3e-2;
  e.rounds.total = 1;
  e.rounds.cohort_size = kDevices;
  return e;
}

Experiment under_masks(Experiment e) {
  e.privacy.secagg.mode = "honest";
  e.privacy.secagg.clip = kClip;
  return e;
}

std::vector<ParameterSet> sent_in_clear(const Outcome& outcome) {
  std::vector<ParameterSet> deltas;
  for (const LocalUpdate& update : outcome.updates) {
    auto delta = make_codec("fp32")->decode(update.bytes, outcome.plan.layout);
    REQUIRE(delta);
    deltas.push_back(std::move(*delta));
  }
  return deltas;
}

/// Without weights: every device counts the same.
void check_mean(const Outcome& secure, const std::vector<ParameterSet>& deltas) {
  for (const ParameterEntry& entry : secure.plan.layout->entries()) {
    CAPTURE(entry.name);
    double worst = 0, moved = 0;
    for (std::size_t j = 0; j < entry.size; ++j) {
      double mean = 0;
      for (const ParameterSet& delta : deltas)
        mean += static_cast<double>(delta.values(entry)[j]) / static_cast<double>(deltas.size());
      const double before = static_cast<double>(secure.start.values(entry)[j]),
                   step = static_cast<double>(secure.result.adapter.values(entry)[j]) - before;
      worst = std::max(worst, std::abs(step - mean) - 1e-7 * std::abs(before));
      moved = std::max(moved, std::abs(step));
    }
    CHECK(worst <= 2e-8 * kClip);  // steps of the ring's grid, and fp32
    CHECK(moved > 0);
  }
}

void check_method(const std::string& method, const std::string& optimizer) {
  CAPTURE(method);
  CAPTURE(optimizer);
  const Experiment e = plain_experiment(method, optimizer);
  const Outcome plain = run(e), secure = run(under_masks(e));
  const auto deltas = sent_in_clear(plain);
  REQUIRE(deltas.size() == kDevices);
  REQUIRE(secure.updates.size() == kDevices);
  for (std::size_t i = 0; i < kDevices; ++i) {
    REQUIRE(secure.updates[i].delta != nullptr);
    CHECK(secure.updates[i].bytes.empty());
    CHECK(std::ranges::equal(secure.updates[i].delta->bytes(), deltas[i].bytes()));
  }
  REQUIRE(secure.result.rounds.size() == 1);
  CHECK(secure.result.rounds[0].participants.size() == kDevices);
  CHECK(secure.result.rounds[0].secure.clipped_share == doctest::Approx(0).epsilon(1e-6));
  CHECK(secure.result.rounds[0].loss == doctest::Approx(plain.result.rounds[0].loss).epsilon(1e-2));
  check_mean(secure, deltas);
}

}  // namespace

TEST_CASE("every method under secure aggregation: a round adds the devices' mean") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  for (const std::string& method : peft_method_names()) check_method(method, "adamw");
}

TEST_CASE("zeroth-order training under secure aggregation: a round adds the devices' mean") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  for (const char* method : {"ffa_lora", "ia3", "dora"}) check_method(method, "mezo");
}

TEST_CASE("under secure aggregation DoRA and (IA)3 learn over rounds as they do without") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  for (const char* method : {"dora", "ia3"}) {
    CAPTURE(std::string(method));
    Experiment e = plain_experiment(method, "adamw");
    e.rounds.total = 3;
    const Outcome secure = run(under_masks(e));
    CHECK(secure.result.evaluations.back().metric("loss") <
          secure.result.evaluations.front().metric("loss"));
  }
}
