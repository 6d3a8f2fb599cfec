#include "simulations/model_workload.h"

#include "tests/support/doctest_torch.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "aggregation/codec.h"
#include "aggregation/control_variates.h"
#include "aggregation/travel.h"
#include "aggregation/version.h"
#include "client/local_round.h"
#include "configs/adapter.h"
#include "core/files.h"
#include "core/lora_layout.h"
#include "core/parameter_math.h"
#include "core/peft_directory.h"
#include "lora/adapter_attachment.h"
#include "model/causal_lm.h"
#include "model/tokenizer.h"
#include "privacy/accountant.h"
#include "simulations/run_output.h"
#include "simulations/simulation.h"
#include "tests/simulations/small_federation.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using fennec::test::shared;
using fennec::test::small_experiment;
using fennec::test::small_sets;
using fennec::test::use_one_compute_thread;

namespace {

SimulationResult run(const Experiment& e, std::size_t threads, const SimulationEvents& events = {},
                     const std::filesystem::path& prefix_cache = {}) {
  use_one_compute_thread();
  ModelWorkload workload(e, small_sets(4), prefix_cache);
  const auto devices = make_population(e.simulation, workload.data_sets(), Seed(e.seed));
  ParameterSet initial = initial_adapter(plan_adapter(e, e.model.base), adapter_seed(e));
  return simulate(e, devices, workload, std::move(initial), threads, events);
}

}  // namespace

TEST_CASE("real training: the same bytes for one thread and for two, and the loss falls") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  const Experiment e = small_experiment();
  const SimulationResult one = run(e, 1), two = run(e, 2);
  CHECK(
      std::equal(one.adapter.bytes().begin(), one.adapter.bytes().end(), two.adapter.bytes().begin()));
  REQUIRE(one.rounds.size() == 3);
  CHECK(one.rounds[2].loss < one.rounds[0].loss);
  CHECK(one.evaluations.back().metric("loss") < one.evaluations.front().metric("loss"));
  CHECK(one.evaluations.back().clients == 4);
  CHECK(one.evaluations.back().metric("accuracy").has_value());
  CHECK(one.virtual_s == two.virtual_s);
}

TEST_CASE(
    "a run leaves metrics, a report and an adapter that PEFT can load; two runs leave the same files") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  test::TempDir dir;
  Experiment e = small_experiment();
  e.rounds.total = 2;
  std::vector<std::string> files{"experiment.yaml", "metrics.jsonl", "report.html",
                                 "adapter/adapter_config.json", "adapter/adapter_model.safetensors"};
  for (const char* name : {"a", "b"}) {
    RunOutput output(e, dir / name, Told::kJson);
    output.begin(make_population(e.simulation, {"x"}, Seed(1)), 1, 2);
    output.finish(run(e, 2, output.events()), 0);
  }
  for (const std::string& file : files) {
    CAPTURE(file);
    CHECK(read_text_file(dir / "a" / file) == read_text_file(dir / "b" / file));
  }
  const PeftAdapter adapter = read_peft_directory(dir / "a" / "adapter");
  CHECK(adapter.config.r == 4);
  auto model = load_causal_lm(e.model.base);
  ParameterSet tensors = arrange(adapter.tensors, plan_adapter(e, e.model.base).layout, "adapter");
  const AdapterAttachment attachment(*model, tensors, adapter.config, false);
  int rounds = 0;
  for_each_line(dir / "a" / "metrics.jsonl", [&](std::size_t, std::string_view line) {
    rounds += nlohmann::json::parse(line)["kind"] == "round";
  });
  CHECK(rounds == 2);
  const std::string report = read_text_file(dir / "a" / "report.html");
  CHECK(report.find("<svg") != std::string::npos);
  CHECK(report.find("http://") == std::string::npos);
}

TEST_CASE("local privacy: what leaves a device is clipped and noised, and nothing else of its data") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  Experiment e = small_experiment();
  e.privacy.dp.mechanism = "local";
  e.privacy.dp.clip_norm = 0.01;
  e.privacy.dp.noise_multiplier = 2;
  const auto model = load_causal_lm(e.model.base);
  const Tokenizer tokenizer = Tokenizer::load(e.model.base);
  const DeviceData data = small_sets(1)[0];
  const LayoutPtr layout = plan_adapter(e, e.model.base).layout;
  const ParameterSet start = initial_lora(layout, Seed(1));
  RoundPlan plan;
  plan.seed = 5;
  const LocalRound seeded(e, *model, tokenizer, data, kNothingFrozen, LocalRound::Noise::kSeeded);
  const Result<TrainedUpdate> update = seeded.train(plan, start);
  REQUIRE(update);
  CHECK(update->offer.metrics.empty());
  CHECK(update->offer.num_examples == 1);
  CHECK(update->offer.supervised_tokens == 1);
  CHECK(update->offer.train_seconds == 0);
  const Result<ParameterSet> sent = make_codec("fp32")->decode(update->payload, layout);
  REQUIRE(sent);
  const double expected = 0.02 * std::sqrt(static_cast<double>(layout->size()));
  CHECK(l2_norm(sent->values()) == doctest::Approx(expected).epsilon(0.05));
  CHECK((seeded.train(plan, start)->payload == update->payload));
  const LocalRound live(e, *model, tokenizer, data, kNothingFrozen);
  CHECK((live.train(plan, start)->payload != live.train(plan, start)->payload));
}

TEST_CASE("example privacy: seeded it repeats itself, live it does not, and figures stay at home") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  Experiment e = small_experiment();
  e.privacy.example.noise_multiplier = 1;
  e.privacy.example.clip_norm = 0.5;
  e.privacy.example.batch_examples = 3;
  e.privacy.example.delta = 1e-3;
  const auto model = load_causal_lm(e.model.base);
  const Tokenizer tokenizer = Tokenizer::load(e.model.base);
  const DeviceData data = small_sets(1)[0];
  const ParameterSet start = initial_lora(plan_adapter(e, e.model.base).layout, Seed(1));
  RoundPlan plan;
  plan.seed = 5;
  const LocalRound seeded(e, *model, tokenizer, data, kNothingFrozen, LocalRound::Noise::kSeeded);
  const Result<TrainedUpdate> update = seeded.train(plan, start);
  REQUIRE(update);
  CHECK(update->report.steps == 3);
  CHECK(update->offer.metrics.empty());
  CHECK(update->offer.supervised_tokens == 1);
  CHECK((seeded.train(plan, start)->payload == update->payload));
  const LocalRound live(e, *model, tokenizer, data, kNothingFrozen);
  CHECK((live.train(plan, start)->payload != live.train(plan, start)->payload));
}

TEST_CASE("example privacy: simulated devices count their own steps and stop within their budget") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  use_one_compute_thread();
  Experiment e = small_experiment();
  e.privacy.example.noise_multiplier = 1;
  e.privacy.example.clip_norm = 0.5;
  e.privacy.example.batch_examples = 2;
  e.privacy.example.delta = 1e-3;
  e.rounds.min_updates = 1;
  ModelWorkload workload(e, small_sets(3));
  const auto devices = make_population(e.simulation, workload.data_sets(), Seed(e.seed));
  const auto start = [&] { return initial_lora(plan_adapter(e, e.model.base).layout, Seed(1)); };
  const SimulationResult one = simulate(e, devices, workload, start(), 1);
  REQUIRE(one.rounds.size() == 3);
  for (const RoundRecord& round : one.rounds) CHECK(std::isnan(round.loss));
  const SimulationResult two = simulate(e, devices, workload, start(), 2);
  CHECK(
      std::equal(one.adapter.bytes().begin(), one.adapter.bytes().end(), two.adapter.bytes().begin()));
  // Two rounds of three steps, each with a quarter of the eight examples: the third is refused by all.
  e.privacy.example.epsilon = epsilon_bound(Accounting::kRdp, {{0.25, 1, 6}}, 1e-3).epsilon + 1e-6;
  ModelWorkload frugal(e, small_sets(3));
  CHECK_THROWS_AS(simulate(e, devices, frugal, start(), 1), IoError);
  e.rounds.total = 2;
  CHECK(simulate(e, devices, frugal, start(), 1).rounds.size() == 2);
}

namespace {

/// A device of the small federation, and version 0 of its adapter.
struct OneDevice {
  explicit OneDevice(Experiment experiment)
      : e(std::move(experiment)),
        model(load_causal_lm(e.model.base)),
        tokenizer(Tokenizer::load(e.model.base)),
        round(e, *model, tokenizer, data, kNothingFrozen),
        version(
            first_version(e.aggregation, initial_lora(plan_adapter(e, e.model.base).layout, Seed(1)))),
        trained(travelling_layout(version.layout(), Half::kBoth)) {}

  TrainedUpdate train(const RoundPlan& plan, const DeviceMemory* memory) const {
    Result<TrainedUpdate> update = round.train(plan, version, memory);
    REQUIRE(update);
    return std::move(*update);
  }

  Experiment e;
  std::unique_ptr<CausalLm> model;
  Tokenizer tokenizer;
  DeviceData data = small_sets(1)[0];
  LocalRound round;
  ParameterSet version;
  LayoutPtr trained;
};

RoundPlan plan_of(std::int64_t round) {
  RoundPlan plan;
  plan.round = {round};
  plan.seed = 5;
  return plan;
}

}  // namespace

TEST_CASE("control variates: steps are corrected, and what the device keeps the coordinator can tell") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  use_one_compute_thread();
  Experiment e = small_experiment();
  e.aggregation.strategy = "scaffold";
  e.aggregation.rule.population = 5;
  e.aggregation.codec = "int8";
  e.train.optimizer = "sgd";
  e.train.learning_rate = 0.1;
  OneDevice device(e);
  const RoundPlan plan = plan_of(1);
  const TrainedUpdate first = device.train(plan, nullptr);
  CHECK(first.memory.round == RoundId{1});
  const ParameterSet zero(device.trained);
  const auto sent = make_codec("int8")->decode(first.payload, device.trained);
  REQUIRE(sent);
  const ParameterSet expected = next_control(zero, zero, *sent, first.offer.steps);
  CHECK(std::ranges::equal(first.memory.values.bytes(), expected.bytes()));
  CHECK(l2_norm(std::as_const(first.memory).values.values()) > 0);

  // The run's own as large as the device's: no correction, the same update.
  ParameterSet& version = device.version;
  for (const ParameterEntry& entry : device.trained->entries())
    std::ranges::copy(expected.values(entry),
                      version.values(*version.layout()->find(entry.name + ".control")).begin());
  CHECK((device.train(plan, &first.memory).payload == first.payload));
  const TrainedUpdate corrected = device.train(plan, nullptr);
  CHECK((corrected.payload != first.payload));
  const auto moved = make_codec("int8")->decode(corrected.payload, device.trained);
  REQUIRE(moved);
  const ParameterSet next = next_control(zero, expected, *moved, corrected.offer.steps);
  CHECK(std::ranges::equal(corrected.memory.values.bytes(), next.bytes()));
}

TEST_CASE("what a codec left out is sent later, unless the device was away for more than ten rounds") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  use_one_compute_thread();
  Experiment e = small_experiment();
  e.aggregation.codec = "topk(0.1)";
  const OneDevice device(e);
  const TrainedUpdate first = device.train(plan_of(1), nullptr);
  REQUIRE_FALSE(first.memory.values.empty());
  CHECK(first.memory.round == RoundId{1});
  CHECK(
      (device.train(plan_of(11), &first.memory).payload != device.train(plan_of(11), nullptr).payload));
  CHECK(
      (device.train(plan_of(12), &first.memory).payload == device.train(plan_of(12), nullptr).payload));
}

TEST_CASE("durations follow the tokens a plan asks for") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  Experiment e = small_experiment();
  ModelWorkload by_steps(e, small_sets(1));
  CHECK(by_steps.train_tokens(0, {}) == 3 * 128);
  CHECK(by_steps.train_examples(0) == 8);
  e.train.local_epochs = 2;
  ModelWorkload by_epochs(e, small_sets(1));
  const std::int64_t twice = by_epochs.train_tokens(0, {});
  e.train.local_epochs = 1;
  ModelWorkload once(e, small_sets(1));
  CHECK(twice == 2 * once.train_tokens(0, {}));
  e.simulation.evaluation_examples = 2;
  ModelWorkload thinned(e, small_sets(1));
  CHECK(thinned.evaluation_tokens(0) < once.evaluation_tokens(0));
}

TEST_CASE("frozen first layers: one store for all devices changes no byte, only how long they take") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  const test::TempDir dir;
  Experiment e = small_experiment();
  e.lora.layers_to_transform = {3, 4};
  const SimulationResult plain = run(e, 1);
  const auto same = [&](const SimulationResult& other) {
    return std::ranges::equal(plain.adapter.bytes(), other.adapter.bytes());
  };
  e.train.prefix_cache.store = "memory";
  const SimulationResult kept = run(e, 2);
  CHECK(same(kept));
  CHECK(kept.virtual_s < plain.virtual_s);
  e.train.prefix_cache.store = "disk";
  CHECK(same(run(e, 2, {}, dir / "cache")));
  CHECK(same(run(e, 1, {}, dir / "cache")));  // from before
  CHECK_FALSE(std::filesystem::is_empty(dir / "cache"));
}

TEST_CASE(
    "durations: frozen layers are passed forward only, and once for each example if they are kept") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  Experiment e = small_experiment();
  e.lora.layers_to_transform = {3, 4};  // of five
  const TrainedBefore never{}, here{true, true}, in_another_life{false, true};
  const auto tokens = [&](TrainedBefore before) {
    const test::TempDir dir;
    return ModelWorkload(e, small_sets(1), dir / "c").train_tokens(0, before);
  };
  constexpr double kAll = 3 * 128, kTop = kAll * 2 / 5;
  CHECK(tokens(never) == std::llround(kAll * 7 / 10));
  CHECK(tokens(here) == tokens(never));
  e.train.prefix_cache.store = "memory";
  CHECK(tokens(here) == std::llround(kTop));
  CHECK(tokens(never) == tokens(in_another_life));
  CHECK(tokens(never) > tokens(here));
  CHECK(static_cast<double>(tokens(never)) <= kAll * 7 / 10);
  e.train.prefix_cache.store = "disk";
  CHECK(tokens(in_another_life) == tokens(here));
}
