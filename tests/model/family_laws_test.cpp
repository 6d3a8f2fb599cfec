// What holds for every family, whatever it computes.
#include "tests/support/doctest_torch.h"

#include <set>

#include <ATen/core/grad_mode.h>

#include "core/base_linears.h"
#include "core/model_family.h"
#include "model/attention_mask.h"
#include "model/kv_cache.h"
#include "model/save_checkpoint.h"
#include "tests/model/golden.h"
#include "tests/model/random_llama.h"
#include "tests/model/small_families.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace fennec;
using fennec::test::all_logits;
using fennec::test::kSmallFamilies;
using fennec::test::max_difference;
using fennec::test::random_family;
using fennec::test::random_ids;
using fennec::test::SmallFamily;

constexpr double kTolerance = 2e-5;

at::Tensor segment(std::int64_t value, std::int64_t length) {
  return at::full({1, length}, value, at::kLong);
}

at::Tensor count_from(std::int64_t first, std::int64_t length) {
  return at::arange(first, first + length, at::kLong).unsqueeze(0);
}

}  // namespace

TEST_CASE("family laws: every family of the list is in these tests") {
  std::set<std::string_view> tested;
  for (const SmallFamily& family : kSmallFamilies)
    tested.insert(HfConfig::parse(family.config, "").family().model_type);
  for (const ModelFamily& family : model_families()) CHECK(tested.count(family.model_type) == 1);
}

TEST_CASE("family laws: tokens through a cache, in pieces, give the same hidden states") {
  const at::NoGradGuard no_grad;
  for (const SmallFamily& family : kSmallFamilies) {
    CAPTURE(std::string(family.label));
    const auto model = random_family(family);
    const auto ids = random_ids(Seed(3), 3, 17, 60);
    KvCache cache(*model, 3, 2);
    std::vector<at::Tensor> parts;
    for (std::int64_t at = 0, n = 1; at < 17; at += n, n = std::min<std::int64_t>(n + 1, 17 - at))
      parts.push_back(model->hidden({ids.narrow(1, at, n), {}, {}}, &cache));
    CHECK(max_difference(at::cat(parts, 1), model->hidden({ids, {}, {}})) < kTolerance);
  }
}

TEST_CASE("family laws: packed documents do not see each other, whatever the padding") {
  const at::NoGradGuard no_grad;
  for (const SmallFamily& family : kSmallFamilies) {
    CAPTURE(std::string(family.label));
    const auto model = random_family(family);
    const auto a = random_ids(Seed(1), 1, 11, 60), b = random_ids(Seed(2), 1, 9, 60);
    const TokenBatch packed{at::cat({segment(0, 3), a, b}, 1),
                            at::cat({segment(kPaddingSegment, 3), segment(0, 11), segment(1, 9)}, 1),
                            at::cat({segment(0, 3), count_from(0, 11), count_from(0, 9)}, 1)};
    const auto logits = all_logits(*model, packed);
    CHECK(max_difference(logits.narrow(1, 3, 11), all_logits(*model, {a, {}, {}})) < kTolerance);
    CHECK(max_difference(logits.narrow(1, 14, 9), all_logits(*model, {b, {}, {}})) < kTolerance);
  }
}

TEST_CASE(
    "family laws: branches that share a prompt score as if each were alone, with and without a cache") {
  const at::NoGradGuard no_grad;
  for (const SmallFamily& family : kSmallFamilies) {
    CAPTURE(std::string(family.label));
    const auto model = random_family(family);
    const auto prompt = random_ids(Seed(4), 1, 7, 60), a = random_ids(Seed(5), 1, 4, 60),
               b = random_ids(Seed(6), 1, 5, 60);
    const TokenBatch branches{at::cat({a, b}, 1), at::cat({segment(0, 4), segment(1, 5)}, 1),
                              at::cat({count_from(7, 4), count_from(7, 5)}, 1)};
    const TokenBatch root{prompt, segment(kSharedSegment, 7), count_from(0, 7)};
    const auto whole = all_logits(
        *model, {at::cat({root.ids, branches.ids}, 1), at::cat({root.segments, branches.segments}, 1),
                 at::cat({root.positions, branches.positions}, 1)});
    KvCache cache(*model, 1, 4);
    model->hidden(root, &cache);
    const auto h = model->hidden(branches, &cache);
    const auto later = model->head(h.flatten(0, 1)).unsqueeze(0);
    const auto alone_a = all_logits(*model, {at::cat({prompt, a}, 1), {}, {}}).narrow(1, 7, 4),
               alone_b = all_logits(*model, {at::cat({prompt, b}, 1), {}, {}}).narrow(1, 7, 5);
    CHECK(max_difference(whole.narrow(1, 7, 4), alone_a) < kTolerance);
    CHECK(max_difference(whole.narrow(1, 11, 5), alone_b) < kTolerance);
    CHECK(max_difference(later.narrow(1, 0, 4), alone_a) < kTolerance);
    CHECK(max_difference(later.narrow(1, 4, 5), alone_b) < kTolerance);
  }
}

TEST_CASE("family laws: the gradient of every linear matches finite differences") {
  for (const SmallFamily& family : kSmallFamilies) {
    CAPTURE(std::string(family.label));
    const auto model = random_family(family);
    const TokenBatch batch{random_ids(Seed(4), 2, 8, 60), {}, {}};
    const auto loss_of = [&] { return supervised_loss(*model, batch, batch.ids).sum; };
    std::vector<at::Tensor> weights;
    for (Projection* projection : model->projections())
      weights.push_back(at::Tensor(projection->weight()).requires_grad_(true));
    loss_of().backward();
    for (std::size_t i = 0; i < weights.size(); ++i) {
      CAPTURE(model->projections()[i]->module());
      const at::Tensor gradient = weights[i].grad();
      REQUIRE(gradient.defined());
      const at::NoGradGuard no_grad;
      const at::Tensor direction = gradient / gradient.norm();
      const double step = 2e-3;
      weights[i].add_(direction, step);
      const double up = loss_of().item<double>();
      weights[i].sub_(direction, 2 * step);
      const double down = loss_of().item<double>();
      weights[i].add_(direction, step);
      CHECK((up - down) / (2 * step) == doctest::Approx(gradient.norm().item<double>()).epsilon(0.03));
    }
  }
}

TEST_CASE("family laws: a saved model loads as it was, and its headers tell its linears") {
  const at::NoGradGuard no_grad;
  for (const SmallFamily& family : kSmallFamilies) {
    CAPTURE(std::string(family.label));
    const fennec::test::TempDir dir;
    const auto model = random_family(family);
    save_checkpoint(*model, dir.path(), Dtype::kF32);
    const auto loaded = load_causal_lm(dir.path());
    const TokenBatch batch{random_ids(Seed(8), 2, 12, 60), {}, {}};
    CHECK(at::equal(all_logits(*loaded, batch), all_logits(*model, batch)));
    const auto linears = linears_of_checkpoint(dir.path());
    const auto projections = loaded->projections();
    REQUIRE(linears.size() == projections.size());
    for (std::size_t i = 0; i < linears.size(); ++i) {
      CHECK(linears[i].module == projections[i]->module());
      CHECK(linears[i].in_features == projections[i]->weight().size(1));
      CHECK(linears[i].out_features == projections[i]->weight().size(0));
    }
  }
}

TEST_CASE("family laws: shared models have the same weights and projections of their own") {
  for (const SmallFamily& family : kSmallFamilies) {
    CAPTURE(std::string(family.label));
    const auto model = random_family(family), other = model->share();
    const auto a = model->parameters(), b = other->parameters();
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i].second.data_ptr() == b[i].second.data_ptr());
    for (std::size_t i = 0; i < model->projections().size(); ++i)
      CHECK(model->projections()[i] != other->projections()[i]);
  }
}

TEST_CASE("family laws: a layer with sliding attention sees exactly its window") {
  const at::NoGradGuard no_grad;
  const SmallFamily one_layer{
      "mistral",
      R"({"model_type": "mistral", "vocab_size": 60, "hidden_size": 24, "intermediate_size": 40,
      "num_hidden_layers": 1, "num_attention_heads": 6, "num_key_value_heads": 3, "sliding_window": 5})"};
  const auto model = random_family(one_layer);
  auto ids = random_ids(Seed(9), 1, 14, 60);
  const auto before = all_logits(*model, {ids, {}, {}});
  ids[0][2] = (ids[0][2] + 1) % 60;
  const auto change = (all_logits(*model, {ids, {}, {}}) - before).abs().amax({0, 2});
  for (std::int64_t t = 0; t < 14; ++t) {
    CAPTURE(t);
    CHECK((change[t].item<float>() > 0) == (t >= 2 && t < 2 + 5));
  }
}
