#include "lora/adapter_attachment.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <doctest/doctest.h>

#include <cmath>

#include "lora/lora_branch.h"
#include "tests/lora/tiny_llama.h"

using namespace fennec;  // NOLINT: test

namespace {

at::Tensor normal(std::uint64_t seed, std::vector<std::int64_t> shape) {
  at::Tensor x = at::empty(shape, at::kFloat);
  fill_normal(Seed(seed), {x.data_ptr<float>(), static_cast<std::size_t>(x.numel())}, 1);
  return x;
}

TokenBatch batch_of(std::int64_t rows, std::int64_t tokens) {
  return {at::arange(rows * tokens, at::kLong).remainder(37).view({rows, tokens}), {}, {}};
}

at::Tensor logits(const CausalLm& model, const TokenBatch& batch) {
  return model.head(model.hidden(batch).flatten(0, 1));
}

double distance(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

PeftConfig config_of(int rank, double alpha) { return to_peft_config({rank, alpha, false, {}}, ""); }

}  // namespace

TEST_CASE("an adapter with B = 0 leaves the logits bitwise as they were") {
  const auto model = test::tiny_llama();
  const TokenBatch batch = batch_of(2, 9);
  const at::Tensor base = logits(*model, batch);
  ParameterSet adapter = initial_lora(test::layout_for(*model, 4), Seed(3));
  {
    const AdapterAttachment attached(*model, adapter, config_of(4, 16), true);
    CHECK(at::equal(logits(*model, batch), base));
  }
  fill_normal(Seed(4), adapter.values(), 0.2f);
  {
    const AdapterAttachment attached(*model, adapter, config_of(4, 16), false);
    CHECK(distance(logits(*model, batch), base) > 1e-4);
  }
  CHECK(at::equal(logits(*model, batch), base));  // detached
}

TEST_CASE("merged and attached adapters give the same logits, and sharing models stay apart") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const auto model = test::tiny_llama(seed);
    const auto other = model->share();
    ParameterSet adapter = test::random_adapter(*model, 3, seed);
    const TokenBatch batch = batch_of(3, 11);
    const at::Tensor base = logits(*model, batch);
    at::Tensor attached_logits;
    {
      const AdapterAttachment attached(*model, adapter, config_of(3, 6), false);
      attached_logits = logits(*model, batch);
      CHECK(at::equal(logits(*other, batch), base));
    }
    merge_adapter(*model, adapter, config_of(3, 6));
    const at::Tensor merged = logits(*model, batch);
    CHECK(distance(merged, attached_logits) <= 1e-5 * merged.abs().max().item<double>());
    CHECK(at::equal(logits(*other, batch), base));
  }
}

TEST_CASE("gradients of the branch are those of its equations") {
  struct Sizes {
    std::int64_t rows, in, out, rank;
  };
  // Whole and broken lanes and rows; the last rank takes the path of general matrix products.
  for (const Sizes& n : {Sizes{7, 12, 10, 1}, Sizes{8, 16, 32, 8}, Sizes{300, 24, 17, 4},
                         Sizes{9, 64, 40, 16}, Sizes{513, 8, 8, 13}, Sizes{5, 12, 10, 40}}) {
    CAPTURE(n.rank);
    const at::Tensor x = normal(1, {n.rows, n.in}).requires_grad_(), w = normal(2, {n.out, n.in});
    const at::Tensor a = normal(4, {n.rank, n.in}).requires_grad_(),
                     b = normal(5, {n.out, n.rank}).requires_grad_();
    const at::Tensor g = normal(3, {n.rows, n.out});
    const double s = 0.75;
    const at::Tensor y = LoraBranch(a, b, s).apply(x, at::mm(x, w.t()));
    y.backward(g);
    const at::NoGradGuard no_grad;
    const at::Tensor v = s * g.mm(b);
    const auto close = [](const at::Tensor& got, const at::Tensor& want) {
      return distance(got, want) <= 2e-6 * want.abs().max().item<double>();
    };
    CHECK(close(y, x.mm(w.t()) + s * x.mm(a.t()).mm(b.t())));
    CHECK(close(b.grad(), s * g.t().mm(x.mm(a.t()))));
    CHECK(close(a.grad(), v.t().mm(x)));
    CHECK(close(x.grad(), g.mm(w) + v.mm(a)));
  }
}

TEST_CASE("on the very first step only B has a gradient") {
  const auto model = test::tiny_llama();
  ParameterSet adapter = initial_lora(test::layout_for(*model, 4), Seed(3));
  const AdapterAttachment attached(*model, adapter, config_of(4, 16), true);
  const TokenBatch batch = batch_of(2, 9);
  supervised_loss(*model, batch, batch.ids).sum.backward();
  const auto& entries = adapter.layout()->entries();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    CAPTURE(entries[i].name);
    const at::Tensor grad = attached.tensors()[i].grad();
    REQUIRE(grad.defined());
    CHECK((grad.abs().max().item<double>() == 0) ==
          (entries[i].name.find("lora_A") != std::string::npos));
  }
  for (const auto& parameter : model->parameters()) CHECK_FALSE(parameter.second.grad().defined());
}

TEST_CASE("tensors of an attachment are the adapter's own memory") {
  const auto model = test::tiny_llama();
  ParameterSet adapter = test::random_adapter(*model, 2, 1);
  const AdapterAttachment attached(*model, adapter, config_of(2, 4), true);
  const auto& entries = adapter.layout()->entries();
  REQUIRE(attached.tensors().size() == entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i)
    CHECK(attached.tensors()[i].data_ptr<float>() == adapter.values(entries[i]).data());
}

TEST_CASE("the scale follows rank, rsLoRA and patterns as PEFT reads them") {
  PeftConfig config = config_of(8, 16);
  CHECK(lora_scale(config, "model.layers.0.self_attn.q_proj", 8) == 2);
  config.alpha_pattern = {{"layers.1.mlp.down_proj", 5}, {"q_proj", 3}, {".*_proj", 7}};
  CHECK(lora_scale(config, "model.layers.0.self_attn.q_proj", 2) == 1.5);
  CHECK(lora_scale(config, "model.layers.1.mlp.down_proj", 5) == 1);
  CHECK(lora_scale(config, "model.layers.11.mlp.down_proj", 7) ==
        1);  // first match only, whole components
  CHECK(lora_scale(config, "model.layers.1.mlp.xq_proj", 7) == 1);
  CHECK(lora_scale(config, "lm_head", 8) == 2);
  config.alpha_pattern = {{"(?:a|aa)+b", 5}};
  CHECK(lora_scale(config, std::string(60, 'a'), 8) == 2);  // gives up rather than backtrack for ever
  config.alpha_pattern = {{"(", 5}};
  CHECK_THROWS_AS(lora_scale(config, "q_proj", 2), IoError);
}

TEST_CASE("rsLoRA with alpha is LoRA with alpha times the root of the rank") {
  const auto model = test::tiny_llama();
  ParameterSet adapter = test::random_adapter(*model, 4, 1);
  PeftConfig rslora = config_of(4, 3);
  rslora.use_rslora = true;
  at::Tensor first;
  {
    const AdapterAttachment attached(*model, adapter, rslora, false);
    first = logits(*model, batch_of(1, 8));
  }
  const AdapterAttachment attached(*model, adapter, config_of(4, 3 * std::sqrt(4.0)), false);
  CHECK(at::equal(first, logits(*model, batch_of(1, 8))));
}

TEST_CASE("an adapter that does not fit is refused by name, and nothing stays attached") {
  const auto model = test::tiny_llama();
  const at::Tensor base = logits(*model, batch_of(1, 8));
  const std::string q = "base_model.model.model.layers.0.self_attn.q_proj.";
  using Tensors = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;
  const std::pair<Tensors, std::string> cases[] = {
      {{{q + "lora_A.weight", {2, 16}}}, "has no partner '" + q + "lora_B.weight'"},
      {{{q + "lora_B.weight", {16, 2}}}, "has no partner '" + q + "lora_A.weight'"},
      {{{q + "lora_A.weight", {2, 16}}, {q + "lora_B.weight", {16, 3}}}, "disagree on the rank"},
      {{{q + "lora_A.weight", {2, 8}}, {q + "lora_B.weight", {16, 2}}}, "maps 8 to 16"},
      {{{q + "lora_magnitude_vector", {16}}}, "has no LoRA beside it"},
      {{{q + "ia3_l", {8, 1}}}, "maps 16 to 8"},
      {{{q + "ia3_l", {1, 8}}}, "maps 8 to 16"},
      {{{q + "weight", {16, 16}}}, "modules_to_save"},
      {{{"base_model.model.model.layers.9.q.lora_A.weight", {2, 16}},
        {"base_model.model.model.layers.9.q.lora_B.weight", {16, 2}}},
       "no such linear"},
      {{{"base_model.model.lm_head.weight", {41, 16}}}, "maps 16 to 41"},
      {{{"base_model.model.model.wte.lora_embedding_A", {2, 40}},
        {"base_model.model.model.wte.lora_embedding_B", {16, 2}}},
       "no such embedding"},
      {{{"base_model.model.model.embed_tokens.lora_embedding_A", {2, 41}},
        {"base_model.model.model.embed_tokens.lora_embedding_B", {16, 2}}},
       "maps 16 to 41"},
  };
  for (const auto& entry : cases) {
    const std::string& message = entry.second;
    ParameterSet adapter(std::make_shared<ParameterLayout>(entry.first));
    fill_normal(Seed(1), adapter.values(), 1);
    try {
      const AdapterAttachment attached(*model, adapter, config_of(2, 4), false);
      FAIL(message);
    } catch (const IoError& e) {
      CAPTURE(std::string(e.what()));
      CHECK(std::string(e.what()).find(message) != std::string::npos);
    }
    CHECK(at::equal(logits(*model, batch_of(1, 8)), base));
  }
}
