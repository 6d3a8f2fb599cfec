#include "lora/trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <ATen/Parallel.h>
#include <malloc.h>

#include "core/files.h"
#include "lora/train_checkpoint.h"
#include "tests/lora/tiny_llama.h"
#include "tests/support/temp_dir.h"

// After LibTorch, whose glog has a CHECK of its own.
#include <doctest/doctest.h>

using namespace fennec;  // NOLINT: test

namespace {

struct Setup {
  std::unique_ptr<CausalLm> model = test::tiny_llama();
  LoraConfig lora{4, 8, false, {"all-linear"}};
  TrainConfig train;
  ParameterSet start = initial_lora(test::layout_for(*model, 4), Seed(5));
  std::vector<TokenizedExample> examples = test::random_examples(12, 10, 7);

  Setup() {
    train.learning_rate = 1e-2;
    train.local_steps = 6;
    train.batch_tokens = 48;
    train.max_sequence_tokens = 24;
    train.warmup_steps = 2;
    train.checkpoint_steps = 2;
    train.weight_decay = 0.01;
  }

  Result<TrainReport> run(ParameterSet& adapter, const TrainHooks& hooks = {}, std::uint64_t seed = 9) {
    return Trainer(*model, lora, train).train(adapter, examples, Seed(seed), hooks);
  }
};

bool equal(const ParameterSet& a, const ParameterSet& b) {
  return std::ranges::equal(a.bytes(), b.bytes());
}

void check_equal(const TrainReport& a, const TrainReport& b) {
  CHECK(a.steps == b.steps);
  CHECK(a.num_examples == b.num_examples);
  CHECK(a.supervised_tokens == b.supervised_tokens);
  CHECK(a.first_loss == b.first_loss);
  CHECK(a.last_loss == b.last_loss);
  CHECK(a.mean_loss == b.mean_loss);
}

}  // namespace

TEST_CASE("training lowers the loss and counts what it saw") {
  Setup s;
  s.train.local_steps = 0;
  s.train.local_epochs = 12;
  for (auto& example : s.examples)  // a habit to learn: count upwards
    for (std::size_t i = 0; i < example.ids.size(); ++i) example.ids[i] = static_cast<TokenId>(i + 3);
  s.train.warmup_steps = 0;
  ParameterSet adapter = s.start.clone();
  std::vector<double> losses;
  TrainHooks hooks;
  hooks.on_step = [&](std::int64_t, std::int64_t, double loss) { losses.push_back(loss); };
  const auto report = s.run(adapter, hooks);
  REQUIRE(report);
  std::int64_t supervised = 0;
  for (const auto& example : s.examples)
    supervised += static_cast<std::int64_t>(example.ids.size() - example.prompt_tokens);
  CHECK(report->num_examples == 12 * 12);
  CHECK(report->supervised_tokens == 12 * supervised);
  CHECK(report->steps == static_cast<std::int64_t>(losses.size()));
  CHECK(report->first_loss == losses.front());
  CHECK(report->last_loss == losses.back());
  CHECK(report->mean_loss < report->first_loss);
  CHECK(report->last_loss < report->first_loss - 0.2);  // the frozen random head allows about 0.3
}

TEST_CASE("the same seed gives the same bytes, another seed others") {
  Setup s;
  ParameterSet a = s.start.clone(), b = s.start.clone(), c = s.start.clone();
  REQUIRE(s.run(a));
  REQUIRE(s.run(b));
  REQUIRE(s.run(c, {}, 10));
  CHECK(equal(a, b));
  CHECK_FALSE(equal(a, c));
  CHECK_FALSE(equal(a, s.start));
}

TEST_CASE("the number of threads changes no byte") {
  Setup s;
  ParameterSet one = s.start.clone(), three = s.start.clone();
  REQUIRE(s.run(one));
  at::set_num_threads(3);
  REQUIRE(s.run(three));
  at::set_num_threads(1);
  CHECK(equal(one, three));
}

TEST_CASE("stopped after any step and resumed, training ends in the same bytes") {
  Setup s;
  ParameterSet whole = s.start.clone();
  const auto uninterrupted = s.run(whole);
  REQUIRE(uninterrupted);
  for (std::int64_t stop_after = 0; stop_after < 6; ++stop_after) {
    CAPTURE(stop_after);
    const test::TempDir dir;
    TrainHooks hooks;
    hooks.checkpoint = dir / "train.safetensors";
    std::stop_source stop;
    hooks.stop = stop.get_token();
    hooks.on_step = [&](std::int64_t step, std::int64_t, double) {
      if (step == stop_after) stop.request_stop();
    };
    if (stop_after == 0) stop.request_stop();
    ParameterSet adapter = s.start.clone();
    const auto stopped = s.run(adapter, hooks);
    REQUIRE_FALSE(stopped);
    CHECK(stopped.error().code == ErrorCode::kBudget);
    std::int64_t more = 0;
    TrainHooks resume;
    resume.checkpoint = hooks.checkpoint;
    resume.on_step = [&](std::int64_t, std::int64_t, double) { ++more; };
    ParameterSet again = s.start.clone();
    const auto report = s.run(again, resume);
    REQUIRE(report);
    CHECK(more == 6 - stop_after);
    CHECK(equal(again, whole));
    check_equal(*report, *uninterrupted);
  }
}

TEST_CASE("killed without warning, training goes on from the last checkpoint") {
  Setup s;
  ParameterSet whole = s.start.clone();
  REQUIRE(s.run(whole));
  const test::TempDir dir;
  TrainHooks hooks;
  hooks.checkpoint = dir / "live";
  std::vector<std::int64_t> resumed_from;
  for (std::int64_t kill_at = 1; kill_at <= 6; ++kill_at) {
    std::filesystem::remove(hooks.checkpoint);
    hooks.on_step = [&](std::int64_t step, std::int64_t, double) {
      if (step <= kill_at && std::filesystem::exists(hooks.checkpoint))
        std::filesystem::copy_file(hooks.checkpoint, dir / ("left" + std::to_string(step)),
                                   std::filesystem::copy_options::overwrite_existing);
    };
    ParameterSet adapter = s.start.clone();
    REQUIRE(s.run(adapter, hooks));
    TrainHooks resume;
    resume.checkpoint = dir / ("left" + std::to_string(kill_at));
    std::int64_t steps = 0;
    resume.on_step = [&](std::int64_t, std::int64_t, double) { ++steps; };
    ParameterSet again = s.start.clone();
    REQUIRE(s.run(again, resume));
    CHECK(equal(again, whole));
    resumed_from.push_back(6 - steps);
  }
  CHECK(resumed_from == std::vector<std::int64_t>{0, 2, 2, 4, 4, 6});
}

TEST_CASE("a checkpoint of other training, or a damaged one, is not used") {
  Setup s;
  const test::TempDir dir;
  TrainHooks hooks;
  hooks.checkpoint = dir / "c";
  ParameterSet first = s.start.clone();
  REQUIRE(s.run(first, hooks));
  const auto finished = read_binary_file(hooks.checkpoint);

  const auto steps_taken = [&](Setup& other, std::uint64_t seed, ParameterSet&& adapter) {
    write_file_atomically(hooks.checkpoint, finished);
    std::int64_t steps = 0;
    TrainHooks counting = hooks;
    counting.on_step = [&](std::int64_t, std::int64_t, double) { ++steps; };
    REQUIRE(other.run(adapter, counting, seed));
    return steps;
  };
  CHECK(steps_taken(s, 9, s.start.clone()) == 0);
  CHECK(steps_taken(s, 8, s.start.clone()) == 6);
  CHECK(steps_taken(s, 9, initial_lora(s.start.layout(), Seed(6))) == 6);
  Setup rate, alpha, data, rarer;
  rate.train.learning_rate = 2e-2;
  alpha.lora.alpha = 4;
  data.examples[3].prompt_tokens -= 1;
  rarer.train.checkpoint_steps = 5;
  CHECK(steps_taken(rate, 9, s.start.clone()) == 6);
  CHECK(steps_taken(alpha, 9, s.start.clone()) == 6);
  CHECK(steps_taken(data, 9, s.start.clone()) == 6);
  CHECK(steps_taken(rarer, 9, s.start.clone()) == 0);

  for (std::size_t cut = 0; cut < finished.size(); cut += 1 + finished.size() / 23) {
    write_file_atomically(hooks.checkpoint, std::span(finished).first(cut));
    ParameterSet adapter = s.start.clone();
    REQUIRE(s.run(adapter, hooks));
    CHECK(equal(adapter, first));
  }
}

TEST_CASE("a thousand steps hold no more memory than a hundred") {
  Setup s;
  s.train.local_steps = 1000;
  s.train.checkpoint_steps = 0;
  ParameterSet adapter = s.start.clone();
  std::size_t after_hundred = 0, after_all = 0, most = 0;
  TrainHooks hooks;
  hooks.on_step = [&](std::int64_t step, std::int64_t total, double) {
    const std::size_t in_use = ::mallinfo2().uordblks;  // what malloc has given out
    if (step <= 100) after_hundred = std::max(after_hundred, in_use);
    if (step > 100) most = std::max(most, in_use);
    if (step == total) after_all = in_use;
  };
  REQUIRE(s.run(adapter, hooks));
  CHECK(most < after_hundred + 64 * 1024);
  CHECK(after_all < after_hundred + 64 * 1024);
}

TEST_CASE("a numeric failure is a value, not an exception") {
  Setup s;
  ParameterSet bad = s.start.clone();
  bad.values()[3] = std::numeric_limits<float>::quiet_NaN();
  CHECK(s.run(bad).error().code == ErrorCode::kNumeric);

  s.examples[0].ids[0] = 4000;  // no such row in the embedding: the tensor library throws
  s.train.local_steps = 0;
  s.train.local_epochs = 1;
  ParameterSet adapter = s.start.clone();
  CHECK(s.run(adapter).error().code == ErrorCode::kNumeric);
}

TEST_CASE("nothing to train on, and an adapter of another base, are values too") {
  Setup s;
  ParameterSet foreign(
      std::make_shared<ParameterLayout>(std::vector<std::pair<std::string, std::vector<std::int64_t>>>{
          {lora_a_name("x"), {2, 3}}, {lora_b_name("x"), {3, 2}}}));
  CHECK(s.run(foreign).error().code == ErrorCode::kMismatch);
  s.examples.clear();
  ParameterSet adapter = s.start.clone();
  CHECK(s.run(adapter).error().code == ErrorCode::kNotFound);
}

TEST_CASE("a step without any supervised token passes without an update") {
  Setup s;
  for (auto& example : s.examples) example.prompt_tokens = example.ids.size();
  ParameterSet adapter = s.start.clone();
  const auto report = s.run(adapter);
  REQUIRE(report);
  CHECK(report->supervised_tokens == 0);
  CHECK(equal(adapter, s.start));
}

TEST_CASE("tensors that are not trained stay bit for bit, and the others learn") {
  for (const std::string& optimizer : optimizer_names()) {
    CAPTURE(optimizer);
    Setup s;
    s.train.optimizer = optimizer;
    ParameterSet adapter = s.start.clone();
    TrainHooks hooks;
    hooks.trains = [](const std::string& tensor) { return tensor.ends_with(".lora_B.weight"); };
    REQUIRE(s.run(adapter, hooks));
    for (const ParameterEntry& entry : adapter.layout()->entries()) {
      const bool same = std::ranges::equal(std::as_const(adapter).values(entry),
                                           std::as_const(s.start).values(entry));
      CHECK(same == entry.name.ends_with(".lora_A.weight"));
    }
  }
}

TEST_CASE(
    "the proximal term pulls to the start: the more of it, the nearer; without it nothing changes") {
  const auto distance = [](double mu) {
    Setup s;
    s.train.weight_decay = 0;
    s.train.proximal_mu = mu;
    s.train.clip_norm = 0;
    s.train.local_steps = 20;
    ParameterSet adapter = s.start.clone();
    REQUIRE(s.run(adapter));
    double square = 0;
    for (std::size_t i = 0; i < adapter.size(); ++i) {
      const double moved = std::as_const(adapter).values()[i] - std::as_const(s.start).values()[i];
      square += moved * moved;
    }
    return std::sqrt(square);
  };
  const double off = distance(0), some = distance(0.1), much = distance(10);
  CHECK(some < off);
  CHECK(much < some);
}

TEST_CASE("a selection of everything trains as no selection does, a share of it on fewer examples") {
  Setup s;
  s.train.local_steps = 0;
  s.train.local_epochs = 2;
  ParameterSet all = s.start.clone(), whole = s.start.clone(), part = s.start.clone();
  const auto plain = s.run(all);
  REQUIRE(plain);
  CHECK(plain->examples_chosen == 12);
  CHECK(plain->examples_offered == 12);
  s.train.selection = {"mixed", 1.0, 0.02};
  REQUIRE(s.run(whole));
  CHECK(equal(all, whole));
  s.train.selection = {"mixed", 0.5, 0.0};
  const auto chosen = s.run(part);
  REQUIRE(chosen);
  CHECK(chosen->examples_offered == 12);
  CHECK(chosen->examples_chosen <= 6);
  CHECK(chosen->num_examples == 2 * chosen->examples_chosen);
  CHECK_FALSE(equal(all, part));
  ParameterSet again = s.start.clone();
  REQUIRE(s.run(again));
  CHECK(equal(part, again));
}

TEST_CASE("a resumed run trains on the examples that the interrupted one chose") {
  Setup s;
  s.train.selection = {"mixed", 0.5, 0.0};
  ParameterSet whole = s.start.clone();
  REQUIRE(s.run(whole));
  const test::TempDir dir;
  TrainHooks hooks;
  hooks.checkpoint = dir / "train.safetensors";
  std::stop_source stop;
  hooks.stop = stop.get_token();
  hooks.on_step = [&](std::int64_t step, std::int64_t, double) {
    if (step == 3) stop.request_stop();
  };
  ParameterSet adapter = s.start.clone();
  REQUIRE_FALSE(s.run(adapter, hooks));
  TrainHooks resume;
  resume.checkpoint = hooks.checkpoint;
  ParameterSet again = s.start.clone();
  REQUIRE(s.run(again, resume));
  CHECK(equal(again, whole));
}
