#include "model/causal_lm.h"

#include <ATen/core/grad_mode.h>

#include "core/error.h"
#include "model/attention_mask.h"
#include "model/generate.h"
#include "model/kv_cache.h"
#include "tests/model/golden.h"
#include "tests/model/random_llama.h"
#include "tests/support/doctest_torch.h"

namespace {

using namespace fennec;
using fennec::test::all_logits;
using fennec::test::max_difference;
using fennec::test::random_ids;
using fennec::test::random_llama;
using fennec::test::small_config;

}  // namespace

TEST_CASE("causal lm: packed documents do not see each other") {
  const at::NoGradGuard no_grad;
  const auto model = random_llama(small_config());
  const auto a = random_ids(Seed(1), 1, 5, 60), b = random_ids(Seed(2), 1, 7, 60),
             pad = at::zeros({1, 2}, at::kLong);
  const TokenBatch packed{
      at::cat({a, b, pad}, 1), at::cat({at::zeros_like(a), at::ones_like(b), pad - 1}, 1),
      at::cat({at::arange(5, at::kLong), at::arange(7, at::kLong), at::zeros({2}, at::kLong)})
          .unsqueeze(0)};
  const auto logits = all_logits(*model, packed);
  CHECK(max_difference(logits.narrow(1, 0, 5), all_logits(*model, {a, {}, {}})) < 1e-5);
  CHECK(max_difference(logits.narrow(1, 5, 7), all_logits(*model, {b, {}, {}})) < 1e-5);
}

TEST_CASE("causal lm: tokens through a cache, in pieces of any size, give the same hidden states") {
  const at::NoGradGuard no_grad;
  const auto model = random_llama(small_config(false, true));
  const auto ids = random_ids(Seed(3), 3, 17, 60);
  const auto whole = model->hidden({ids, {}, {}});
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    CAPTURE(seed);
    RandomStream draw{Seed(seed)};
    KvCache cache(*model, 3, seed == 0 ? 17 : 2);
    std::vector<at::Tensor> parts;
    for (std::int64_t at = 0; at < 17;) {
      const auto n = std::min<std::int64_t>(17 - at, 1 + static_cast<std::int64_t>(draw.below(6)));
      parts.push_back(model->hidden({ids.narrow(1, at, n), {}, {}}, &cache));
      at += n;
    }
    CHECK(max_difference(at::cat(parts, 1), whole) < 1e-5);
  }
}

TEST_CASE("causal lm: gradients reach every parameter and match finite differences") {
  const auto model = random_llama(small_config(true, true));
  const TokenBatch batch{random_ids(Seed(4), 2, 8, 60), {}, {}};
  const auto loss_of = [&] { return supervised_loss(*model, batch, batch.ids).sum; };
  for (const auto& [name, weight] : model->parameters()) weight.requires_grad_(true);
  loss_of().backward();
  for (const auto& entry : model->parameters()) {
    const auto& name = entry.first;
    const auto& weight = entry.second;
    CAPTURE(name);
    const at::Tensor gradient = weight.grad();
    REQUIRE(gradient.defined());
    const at::NoGradGuard no_grad;
    const at::Tensor direction = gradient / gradient.norm();
    const double step = 2e-3;
    weight.add_(direction, step);
    const double up = loss_of().item<double>();
    weight.sub_(direction, 2 * step);
    const double down = loss_of().item<double>();
    weight.add_(direction, step);
    CHECK((up - down) / (2 * step) == doctest::Approx(gradient.norm().item<double>()).epsilon(0.02));
  }
}

TEST_CASE("causal lm: shared models have the same weights and projections of their own") {
  const auto model = random_llama(small_config());
  const auto other = model->share();
  const auto a = model->parameters(), b = other->parameters();
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i].second.data_ptr() == b[i].second.data_ptr());
  CHECK(model->projections().size() == 7 * 3);
  CHECK(model->projections()[0] != other->projections()[0]);
}

TEST_CASE("causal lm: no supervised position is a zero without gradient") {
  const auto model = random_llama(small_config());
  const auto ids = random_ids(Seed(5), 1, 4, 60);
  const auto loss = supervised_loss(*model, {ids, {}, {}}, at::full_like(ids, -100));
  CHECK(loss.positions == 0);
  CHECK(loss.sum.item<double>() == 0);
  CHECK_FALSE(loss.sum.requires_grad());
}

TEST_CASE("generate: a batch of unequal prompts equals each alone, token by token without a cache") {
  const at::NoGradGuard no_grad;
  const auto model = random_llama(small_config());
  RandomStream draw{Seed(8)};
  std::vector<std::vector<TokenId>> prompts(6);
  for (std::size_t i = 1; i < prompts.size(); ++i)
    for (std::uint64_t t = 0, n = 1 + draw.below(9); t < n; ++t)
      prompts[i].push_back(static_cast<TokenId>(draw.below(60)));
  GenerateOptions options;
  options.max_new_tokens = 12;
  options.stop = {3, 17, 40};
  std::vector<std::vector<TokenId>> streamed(prompts.size());
  std::vector<FinishReason> reasons(prompts.size());
  options.on_token = [&](std::size_t i, TokenId id) {
    streamed[i].push_back(id);
    return true;
  };
  options.on_finish = [&](std::size_t i, FinishReason reason) { reasons[i] = reason; };
  const auto answers = generate(*model, prompts, options);
  CHECK(streamed == answers);
  CHECK(answers[0].empty());
  for (std::size_t i = 1; i < prompts.size(); ++i) {
    std::vector<std::int64_t> ids(prompts[i].begin(), prompts[i].end());
    std::vector<TokenId> slow;
    while (slow.size() < 12) {
      const auto next = all_logits(*model, {at::tensor(ids).unsqueeze(0), {}, {}})
                            .select(1, -1)
                            .argmax()
                            .item<std::int64_t>();
      if (next == 3 || next == 17 || next == 40) break;
      slow.push_back(static_cast<TokenId>(next));
      ids.push_back(next);
    }
    CHECK(answers[i] == slow);
    CHECK(reasons[i] == (slow.size() < 12 ? FinishReason::kStop : FinishReason::kLength));
  }
}

TEST_CASE("generate: ends at the context limit, and refuses a prompt beyond it") {
  const auto model = random_llama(small_config());
  GenerateOptions options;
  options.max_new_tokens = 100;
  FinishReason reason = FinishReason::kStop;
  options.on_finish = [&](std::size_t, FinishReason why) { reason = why; };
  CHECK(generate(*model, {std::vector<TokenId>(60, 1)}, options).at(0).size() == 4);
  CHECK(reason == FinishReason::kContext);
  CHECK(generate(*model, {std::vector<TokenId>(64, 1)}, options).at(0).empty());
  CHECK_THROWS_AS(generate(*model, {{1}, std::vector<TokenId>(65, 1)}, options), ConfigError);
}

TEST_CASE("generate: drawn answers depend on seed and prompt number, not on the batch") {
  const auto model = random_llama(small_config());
  const std::vector<std::vector<TokenId>> prompts = {{5, 7}, {1}, {9, 9, 9, 2}, {1}};
  GenerateOptions options;
  options.max_new_tokens = 10;
  options.sampling.temperature = 1;
  options.seed = Seed(4);
  const auto together = generate(*model, prompts, options);
  CHECK(generate(*model, prompts, options) == together);
  CHECK(together[1] != together[3]);  // the same prompt, draws of its own
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    options.first_prompt = i;
    CHECK(generate(*model, {prompts[i]}, options).at(0) == together[i]);
  }
  options.first_prompt = 0;
  options.seed = Seed(5);
  CHECK(generate(*model, prompts, options) != together);
}

TEST_CASE("generate: suppressed ids are never chosen, a watcher ends an answer") {
  const auto model = random_llama(small_config());
  GenerateOptions options;
  options.max_new_tokens = 20;
  for (TokenId id = 1; id < 60; ++id)
    if (id != 4 && id != 8) options.suppressed.push_back(id);
  for (const double temperature : {0.0, 5.0}) {
    options.sampling.temperature = temperature;
    const auto answers = generate(*model, {{3}}, options);
    for (const TokenId id : answers.at(0)) CHECK((id == 0 || id == 4 || id == 8));
  }
  options.on_token = [count = 0](std::size_t, TokenId) mutable { return ++count < 5; };
  CHECK(generate(*model, {{3}}, options).at(0).size() == 5);
}
