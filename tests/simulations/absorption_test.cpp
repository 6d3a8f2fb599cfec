// RoLoRA with absorption: real training on an adapter beneath which a frozen branch grows.
#include "aggregation/absorption.h"

#include "tests/support/doctest_torch.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "aggregation/travel.h"
#include "aggregation/version.h"
#include "configs/adapter.h"
#include "core/peft_directory.h"
#include "lora/adapter_attachment.h"
#include "model/causal_lm.h"
#include "simulations/model_workload.h"
#include "simulations/run_output.h"
#include "simulations/simulation.h"
#include "tests/simulations/small_federation.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using namespace fennec::test;

namespace {

Experiment absorbing() {
  Experiment e = small_experiment();
  e.aggregation.strategy = "rolora";
  e.aggregation.rule.absorb_every = 2;
  e.aggregation.rule.absorb_rank = 12;
  return e;
}

SimulationResult run(const Experiment& e, std::size_t threads) {
  use_one_compute_thread();
  ModelWorkload workload(e, small_sets(4));
  const auto devices = make_population(e.simulation, workload.data_sets(), Seed(e.seed));
  ParameterSet initial =
      first_version(e.aggregation, initial_adapter(plan_adapter(e, e.model.base), adapter_seed(e)));
  return simulate(e, devices, workload, std::move(initial), threads);
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

at::Tensor logits(const CausalLm& model) {
  const at::NoGradGuard no_grad;
  const TokenBatch batch{at::arange(12, at::kLong).view({1, 12}), {}, {}};
  return model.head(model.hidden(batch).flatten(0, 1));
}

}  // namespace

TEST_CASE("absorption: a version acts as the stacked adapter that PEFT reads, also merged") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  use_one_compute_thread();
  const Experiment e = absorbing();
  const AdapterPlan plan = plan_adapter(e, e.model.base);
  ParameterSet version = first_version(e.aggregation, ParameterSet(plan.layout));
  fill_normal(Seed(4), version.values(), 0.05F);
  const auto model = load_causal_lm(e.model.base);
  at::Tensor beneath;
  {
    ParameterSet trained = gather(version, plan.layout);
    const ParameterSet branch = absorbed_of(version);
    const AdapterAttachment attached(*model, trained, attached_config(e.lora), false, branch);
    beneath = logits(*model);
  }
  const PeftConfig config = stacked_config(plan.config, e.aggregation);
  ParameterSet stacked = stacked_adapter(version);
  {
    const AdapterAttachment attached(*model, stacked, config, false);
    CHECK(distance(logits(*model), beneath) < 1e-5);
  }
  CHECK(distance(logits(*model), beneath) > 0.01);
  merge_adapter(*model, stacked, config);
  CHECK(distance(logits(*model), beneath) < 1e-5);
}

TEST_CASE("absorption: the loss falls on, the same bytes on one thread and on two, and PEFT reads it") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  TempDir dir;
  Experiment e = absorbing();
  e.rounds.total = 5;
  const SimulationResult one = run(e, 1), two = run(e, 2);
  CHECK(std::ranges::equal(one.adapter.bytes(), two.adapter.bytes()));
  CHECK(one.rounds[4].loss < one.rounds[0].loss);
  CHECK(one.evaluations.back().metric("loss") < one.evaluations.front().metric("loss"));
  e.aggregation.rule.absorb_every = e.aggregation.rule.absorb_rank = 0;
  CHECK(run(e, 1).rounds[1].adapter_bytes < one.rounds[1].adapter_bytes);

  e = absorbing();
  RunOutput output(e, dir.path(), Told::kNothing);
  output.begin(make_population(e.simulation, {"x"}, Seed(1)), 1, 1);
  output.finish(one, 0);
  PeftAdapter stored = read_peft_directory(dir / "adapter");
  CHECK(stored.config.r == 4 + 12);
  auto model = load_causal_lm(e.model.base);
  const AdapterAttachment attachment(*model, stored.tensors, stored.config, false);
}
