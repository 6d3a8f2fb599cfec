#include "lora/example_scores.h"

#include <ATen/core/grad_mode.h>

#include "tests/support/doctest_torch.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lora/adamw.h"
#include "lora/packing.h"
#include "tests/lora/adapter_case.h"

using namespace fennec;
using namespace fennec::test;

namespace {

TokenizedExample example_of(std::vector<TokenId> ids, std::size_t prompt, std::string label = "") {
  return {std::move(ids), prompt, std::move(label)};
}

/// Means over the completion, by its definitions, one example at a time.
struct Slow {
  double loss = 0, el2n = 0;
  Slow(const CausalLm& model, const TokenizedExample& example) {
    const at::NoGradGuard no_grad;
    const auto tokens = static_cast<std::int64_t>(example.ids.size());
    std::vector<std::int64_t> ids(example.ids.begin(), example.ids.end());
    const at::Tensor p = at::softmax(
        logits_of(model, {at::tensor(ids, at::kLong).view({1, tokens}), {}, {}}).to(at::kDouble), -1);
    int count = 0;
    for (std::size_t t = std::max<std::size_t>(example.prompt_tokens, 1); t < ids.size(); ++t) {
      at::Tensor error = p[static_cast<std::int64_t>(t) - 1].clone();
      loss -= std::log(error[ids[t]].item<double>());
      error[ids[t]] -= 1;
      el2n += error.norm().item<double>();
      ++count;
    }
    loss /= count;
    el2n /= count;
  }
};

TokenizedExample alone(const TokenizedExample& example) {
  TokenizedExample out{{example.ids.front()}, 1, ""};
  out.ids.insert(out.ids.end(),
                 example.ids.begin() + static_cast<std::ptrdiff_t>(example.prompt_tokens),
                 example.ids.end());
  return out;
}

}  // namespace

TEST_CASE("scores are those of their definitions, whatever the batch") {
  const auto model = tiny_llama();
  const auto examples = random_examples(14, 12, 3);
  for (const std::size_t batch_tokens : {1U, 40U, 4000U}) {
    CAPTURE(batch_tokens);
    const auto scored = score_examples(*model, examples, batch_tokens);
    REQUIRE(scored);
    REQUIRE(scored->scores.size() == examples.size());
    for (std::size_t i = 0; i < examples.size(); ++i) {
      const Slow slow(*model, examples[i]);
      CHECK(scored->scores[i].loss == doctest::Approx(slow.loss).epsilon(1e-5));
      CHECK(scored->scores[i].el2n == doctest::Approx(slow.el2n).epsilon(1e-5));
      const double ifd = examples[i].prompt_tokens < 2
                             ? 0
                             : std::exp(slow.loss - Slow(*model, alone(examples[i])).loss);
      CHECK(scored->scores[i].ifd == doctest::Approx(ifd).epsilon(1e-4));
    }
  }
}

TEST_CASE("another order of the examples gives the same bits") {
  const auto model = tiny_llama();
  const auto examples = random_examples(20, 12, 3);
  std::vector<std::size_t> order(20);
  std::iota(order.begin(), order.end(), std::size_t{0});
  RandomStream{Seed(2)}.shuffle(order);
  std::vector<TokenizedExample> shuffled;
  for (const std::size_t i : order) shuffled.push_back(examples[i]);
  const auto one = score_examples(*model, examples, 100), two = score_examples(*model, shuffled, 100);
  REQUIRE(one);
  REQUIRE(two);
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(two->scores[i].loss == one->scores[order[i]].loss);
    CHECK(two->scores[i].el2n == one->scores[order[i]].el2n);
    CHECK(two->scores[i].ifd == one->scores[order[i]].ifd);
    CHECK(two->scores[i].key == one->scores[order[i]].key);
    for (std::size_t d = 0; d < one->dimensions; ++d)
      CHECK(two->points[i * one->dimensions + d] == one->points[order[i] * one->dimensions + d]);
  }
}

TEST_CASE("an example without a completion is never chosen, one without a prompt may be") {
  const auto model = tiny_llama();
  const std::vector<TokenizedExample> examples = {example_of({3, 4, 5}, 3), example_of({3, 4, 5}, 0),
                                                  example_of({3, 4, 5}, 2)};
  const auto scored = score_examples(*model, examples, 100);
  REQUIRE(scored);
  CHECK(std::isinf(scored->scores[0].ifd));
  CHECK(scored->scores[1].ifd == 0);
  CHECK(scored->scores[2].ifd > 0);
  CHECK(select_examples({"loss", 0.9, 0.0}, *scored).front() == 1);
}

TEST_CASE("scoring stops when asked to") {
  const auto model = tiny_llama();
  std::stop_source stop;
  stop.request_stop();
  CHECK(score_examples(*model, random_examples(3, 5, 1), 100, stop.get_token()).error().code ==
        ErrorCode::kBudget);
}

TEST_CASE("a model that knows its task leaves mislabelled examples out") {
  // The answer to "a b" is a: learnt by a whole tiny model, then one example in eight is wrong.
  const auto model = tiny_llama();
  RandomStream random{Seed(4)};
  const auto draw = [&](std::size_t count, double noise) {
    std::vector<TokenizedExample> examples;
    for (std::size_t i = 0; i < count; ++i) {
      const auto a = static_cast<TokenId>(random.below(6)), b = static_cast<TokenId>(random.below(6));
      const bool wrong = random.uniform() < noise;
      examples.push_back(
          example_of({39, a, b, 30, wrong ? (a + 1 + b % 5) % 6 : a}, 4, wrong ? "wrong" : "right"));
    }
    return examples;
  };
  std::vector<at::Tensor> weights;
  for (auto& parameter : model->parameters())
    weights.push_back(parameter.second.set_requires_grad(true));
  AdamW optimizer(weights, {});
  for (int step = 0; step < 300; ++step) {
    const auto examples = draw(24, 0);
    PackedBatch rows;
    for (std::size_t i = 0; i < examples.size(); ++i) rows.push_back({i});
    const TrainBatch batch = make_batch(examples, rows);
    optimizer.zero_grad();
    const LossSum loss = supervised_loss(*model, batch.tokens, batch.labels);
    (loss.sum / static_cast<double>(loss.positions)).backward();
    optimizer.step(1e-2);
  }
  auto examples = draw(160, 0.125);
  const auto noise = std::ranges::count_if(examples, [](const auto& e) { return e.label == "wrong"; });
  const auto is_wrong = [&](std::size_t i) { return examples[i].label == "wrong"; };
  for (auto& example : examples) example.label.clear();  // scoring is not told
  const auto scored = score_examples(*model, examples, 512);
  REQUIRE(scored);
  for (auto& example : examples) example.label = example.ids[4] == example.ids[1] ? "right" : "wrong";
  for (const std::string& name : example_selection_names()) {
    if (name == "none") continue;
    CAPTURE(name);
    const auto chosen = select_examples({name, 0.3, 0.02}, *scored);
    const auto wrong = std::ranges::count_if(chosen, is_wrong);
    CHECK(static_cast<double>(wrong) / static_cast<double>(chosen.size()) <=
          static_cast<double>(noise) / 160.0);
  }
}
