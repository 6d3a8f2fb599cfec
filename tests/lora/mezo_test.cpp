#include "tests/support/doctest_torch.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/core/grad_mode.h>

#include "lora/packing.h"
#include "lora/trainer.h"
#include "model/compute_threads.h"
#include "tests/lora/adapter_case.h"
#include "tests/lora/counting_model.h"

using namespace fennec;
using namespace fennec::test;

namespace {

struct MezoCase : AdapterCase {
  TrainConfig train;
  std::vector<TokenizedExample> examples = random_examples(10, 10, 7);

  explicit MezoCase(const std::string& method = "lora") : AdapterCase(method) {
    train.optimizer = "mezo";
    train.mezo.learning_rate = 1e-3;
    train.mezo.epsilon = 1e-2;
    train.local_steps = 6;
    train.batch_tokens = 64;
    train.max_sequence_tokens = 24;
    train.checkpoint_steps = 2;
  }
  Result<TrainReport> run(CausalLm& on, ParameterSet& adapter, const TrainHooks& hooks = {}) {
    return Trainer(on, lora, train, frozen).train(adapter, examples, Seed(9), hooks);
  }
};

bool same(const ParameterSet& a, const ParameterSet& b) {
  return std::ranges::equal(a.bytes(), b.bytes());
}

}  // namespace

TEST_CASE("mezo: two forward passes a step, none with a graph, and no gradient anywhere") {
  for (const char* method : {"lora", "ffa_lora", "dora", "ia3"}) {
    CAPTURE(std::string(method));
    MezoCase c(method);
    CountingModel counting(*c.model);
    ParameterSet adapter = c.start.clone();
    REQUIRE(c.run(counting, adapter));
    CHECK(counting.forwards == 2 * 6);
    CHECK(counting.with_graph == 0);
    CHECK_FALSE(same(adapter, c.start));
  }
}

TEST_CASE("mezo: a step is the slope between two probes, along its own direction") {
  MezoCase c;
  c.train.local_steps = 1;
  ParameterSet adapter = c.moved(3);
  const ParameterSet theta = adapter.clone();
  const auto report = c.run(*c.model, adapter);
  REQUIRE(report);

  BatchSchedule schedule(c.examples, c.train, Seed(9));
  const TrainBatch batch = schedule.at(0);
  std::vector<float> z(theta.size(), 0.0F);
  add_signs(Seed(9).child("mezo_direction", 0), 1.0F, z, z);
  const auto loss_at = [&](double step) {
    ParameterSet there = theta.clone();
    for (std::size_t i = 0; i < z.size(); ++i) there.values()[i] += static_cast<float>(step) * z[i];
    const AdapterAttachment attached(*c.model, there, c.plan.config, false);
    const at::NoGradGuard no_grad;
    const LossSum loss = supervised_loss(*c.model, batch.tokens, batch.labels);
    return loss.sum.item<double>() / static_cast<double>(loss.positions);
  };
  const double above = loss_at(1e-2), below = loss_at(-1e-2), slope = (above - below) / 2e-2;
  for (std::size_t i = 0; i < z.size(); ++i)
    CHECK(adapter.values()[i] ==
          doctest::Approx(theta.values()[i] - static_cast<float>(1e-3 * slope) * z[i]).epsilon(1e-6));
  CHECK(report->first_loss == doctest::Approx((above + below) / 2).epsilon(1e-6));
}

TEST_CASE("mezo: stopped after any step and resumed, training ends in the same bytes") {
  MezoCase c;
  ParameterSet whole = c.start.clone();
  REQUIRE(c.run(*c.model, whole));
  for (std::int64_t stop_after = 1; stop_after < 6; ++stop_after) {
    CAPTURE(stop_after);
    const TempDir dir;
    TrainHooks hooks;
    hooks.checkpoint = dir / "train.safetensors";
    std::stop_source stop;
    hooks.stop = stop.get_token();
    hooks.on_step = [&](std::int64_t step, std::int64_t, double) {
      if (step == stop_after) stop.request_stop();
    };
    ParameterSet adapter = c.start.clone();
    CHECK(c.run(*c.model, adapter, hooks).error().code == ErrorCode::kBudget);
    std::int64_t more = 0;
    TrainHooks resume;
    resume.checkpoint = hooks.checkpoint;
    resume.on_step = [&](std::int64_t, std::int64_t, double) { ++more; };
    ParameterSet again = c.start.clone();
    REQUIRE(c.run(*c.model, again, resume));
    CHECK(more == 6 - stop_after);
    CHECK(same(again, whole));
  }
}

TEST_CASE("mezo: the moments of AdamW do not resume it") {
  MezoCase c;
  const TempDir dir;
  TrainHooks hooks;
  hooks.checkpoint = dir / "train.safetensors";
  c.train.optimizer = "adamw";
  ParameterSet adapter = c.start.clone();
  REQUIRE(c.run(*c.model, adapter, hooks));
  c.train.optimizer = "mezo";
  std::int64_t steps = 0;
  hooks.on_step = [&](std::int64_t, std::int64_t, double) { ++steps; };
  ParameterSet again = c.start.clone();
  REQUIRE(c.run(*c.model, again, hooks));
  CHECK(steps == 6);
}

TEST_CASE("mezo: a habit is learnt, slowly") {
  MezoCase c("ffa_lora");
  for (auto& example : c.examples)
    for (std::size_t i = 0; i < example.ids.size(); ++i) example.ids[i] = static_cast<TokenId>(i + 3);
  c.train.local_steps = 150;
  c.train.batch_tokens = 512;
  c.train.mezo.learning_rate = 2e-2;
  ParameterSet adapter = c.start.clone();
  const auto report = c.run(*c.model, adapter);
  REQUIRE(report);
  CHECK(report->last_loss < report->first_loss - 0.02);
}

TEST_CASE("mezo: a loss that is not finite is a value, not an exception") {
  MezoCase c;
  ParameterSet bad = c.start.clone();
  bad.values()[3] = std::numeric_limits<float>::quiet_NaN();
  CHECK(c.run(*c.model, bad).error().code == ErrorCode::kNumeric);
}

TEST_CASE("mezo: a step without any supervised token moves nothing") {
  MezoCase c;
  for (auto& example : c.examples) example.prompt_tokens = example.ids.size();
  ParameterSet adapter = c.start.clone();
  const auto report = c.run(*c.model, adapter);
  REQUIRE(report);
  CHECK(report->supervised_tokens == 0);
  CHECK(same(adapter, c.start));
}
