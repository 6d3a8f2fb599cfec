// What single PEFT methods promise beyond the laws of all.
#include "tests/support/doctest_torch.h"

#include <algorithm>
#include <cmath>

#include "lora/ia3_branch.h"
#include "lora/lora_branch.h"
#include "lora/trainer.h"
#include "tests/lora/adapter_case.h"

using namespace fennec;
using namespace fennec::test;

namespace {

at::Tensor normal(std::uint64_t seed, std::vector<std::int64_t> shape, float sd = 1) {
  at::Tensor x = at::empty(shape, at::kFloat);
  fill_normal(Seed(seed), {x.data_ptr<float>(), static_cast<std::size_t>(x.numel())}, sd);
  return x;
}

double spread(const at::Tensor& x) { return x.to(at::kDouble).std().item<double>(); }

ParameterSet trained(const std::string& method, double plus_ratio) {
  AdapterCase c(method);
  c.lora.plus_ratio = plus_ratio;
  TrainConfig train;
  train.local_steps = 4;
  train.batch_tokens = 128;
  train.max_sequence_tokens = 24;
  train.clip_norm = 0;
  ParameterSet adapter = c.start.clone();
  REQUIRE(
      Trainer(*c.model, c.lora, train, c.frozen).train(adapter, random_examples(8, 10, 7), Seed(9)));
  return adapter;
}

}  // namespace

TEST_CASE("a rank of min(in, out) can stand for any change") {
  const at::Tensor target = normal(1, {7, 5}), a = normal(2, {5, 5});
  const at::Tensor b = target.mm(a.inverse());
  const Projection base("p", at::zeros({7, 5}), {});
  CHECK(distance(LoraBranch(a, b, 1).merged(base).weight, target) <= 1e-4);
}

TEST_CASE("rsLoRA keeps the spread of its output as the rank grows, LoRA does not") {
  const at::Tensor x = normal(1, {64, 256});
  const auto output = [&](int rank, bool rslora) {
    PeftConfig config;
    config.r = rank;
    config.lora_alpha = 16;
    config.use_rslora = rslora;
    const at::Tensor a = at::empty({rank, 256});
    fill_uniform(Seed(2), {a.data_ptr<float>(), static_cast<std::size_t>(a.numel())}, -0.0625F,
                 0.0625F);
    const LoraBranch branch(a, normal(3, {48, rank}), lora_scale(config, "p", rank));
    return spread(branch.apply(x, at::zeros({64, 48})));
  };
  const double rslora = output(128, true) / output(8, true),
               lora = output(128, false) / output(8, false);
  CHECK(rslora > 0.7);
  CHECK(rslora < 1.4);
  CHECK(lora < 0.4);
}

TEST_CASE("LoRA+ with a ratio of 1 is LoRA bit for bit, with another only B learns faster") {
  const ParameterSet lora = trained("lora", 16), same = trained("lora_plus", 1),
                     faster = trained("lora_plus", 16);
  CHECK(std::ranges::equal(lora.bytes(), same.bytes()));
  CHECK_FALSE(std::ranges::equal(lora.bytes(), faster.bytes()));
  AdapterCase c("lora_plus");
  TrainConfig train;
  train.local_steps = 1;
  train.batch_tokens = 128;
  train.max_sequence_tokens = 24;
  train.clip_norm = 0;
  train.learning_rate = 1e-3;
  c.lora.plus_ratio = 16;
  ParameterSet adapter = c.moved(3);
  const ParameterSet before = adapter.clone();
  REQUIRE(Trainer(*c.model, c.lora, train).train(adapter, random_examples(8, 10, 7), Seed(9)));
  // The first step of AdamW moves each value by the rate, whatever its gradient.
  for (const ParameterEntry& entry : adapter.layout()->entries()) {
    CAPTURE(entry.name);
    double moved = 0;
    for (std::size_t i = 0; i < entry.size; ++i)
      moved = std::max(moved, std::abs(static_cast<double>(adapter.values(entry)[i]) -
                                       static_cast<double>(before.values(entry)[i])));
    const double rate = entry.name.ends_with(".lora_B.weight") ? 16e-3 : 1e-3;
    CHECK(moved == doctest::Approx(rate).epsilon(0.02));
  }
}

TEST_CASE("the average of (IA)3 factors is the average of what they do to the weights") {
  const Projection base("p", normal(1, {6, 4}), normal(2, {6}));
  for (const auto& shape : {std::vector<std::int64_t>{6, 1}, std::vector<std::int64_t>{1, 4}}) {
    const at::Tensor first = normal(3, shape), second = normal(4, shape);
    const at::Tensor mean = Ia3Branch((first + second) / 2).merged(base).weight;
    const at::Tensor expected =
        (Ia3Branch(first).merged(base).weight + Ia3Branch(second).merged(base).weight) / 2;
    CHECK(distance(mean, expected) <= 1e-6);
  }
}

TEST_CASE("(IA)3 scales outputs with their bias, or inputs") {
  const at::Tensor x = normal(1, {5, 4}), w = normal(2, {6, 4}), bias = normal(3, {6});
  const at::Tensor out = normal(4, {6, 1}), in = normal(5, {1, 4});
  Projection p("p", w, bias);
  p.attach(std::make_shared<Ia3Branch>(out));
  CHECK(distance(p.forward(x), (x.mm(w.t()) + bias) * out.flatten()) <= 1e-5);
  p.attach(std::make_shared<Ia3Branch>(in));
  CHECK(distance(p.forward(x), (x * in.flatten()).mm(w.t()) + bias) <= 1e-5);
  const LinearWeights merged = Ia3Branch(in).merged(p);
  CHECK(at::equal(merged.bias, bias));
}

TEST_CASE(
    "averaging FFA-LoRA's B is averaging its change of the weights; averaging LoRA's halves is not") {
  const auto mean_of_changes = [](const std::string& method) {
    AdapterCase c(method, {4, 8, false, {"q_proj"}});
    const ParameterSet one = c.moved(1), two = c.moved(2);
    ParameterSet mean = one.clone();
    for (std::size_t i = 0; i < mean.size(); ++i)
      mean.values()[i] = (one.values()[i] + two.values()[i]) / 2;
    const auto weight = [&](const ParameterSet& adapter) {
      const auto model = c.model->share();
      merge_adapter(*model, complete_adapter(adapter, c.frozen), c.plan.config);
      return model->projections().front()->weight();
    };
    return distance(weight(mean), (weight(one) + weight(two)) / 2);
  };
  CHECK(mean_of_changes("ffa_lora") <= 1e-6);
  CHECK(mean_of_changes("lora") > 1e-4);
}

TEST_CASE("adapters of the embedding and the head, and saved modules, act and merge") {
  const TokenBatch batch = counting_batch(2, 9);
  for (const bool saves : {false, true}) {
    CAPTURE(saves);
    LoraConfig lora{4, 8, false, {"q_proj"}};
    if (saves)
      lora.modules_to_save = {"embed_tokens", "lm_head"};
    else
      lora.target_modules = {"q_proj", "embed_tokens", "lm_head"};
    AdapterCase c("lora", lora);
    const at::Tensor base = logits_of(*c.model, batch);
    CHECK(at::equal(c.attached_logits(c.start, batch), base));
    ParameterSet adapter = c.moved(4);
    const at::Tensor attached = c.attached_logits(adapter, batch);
    CHECK(distance(attached, base) > 1e-3);
    CHECK(at::equal(logits_of(*c.model, batch), base));
    merge_adapter(*c.model, adapter, c.plan.config);
    CHECK(distance(logits_of(*c.model, batch), attached) <= 1e-5 * std::max(1.0, largest(attached)));
  }
}

TEST_CASE("an embedding that is also the head takes an adapter, but no merge and no replacement") {
  LlamaConfig config;
  config.vocab_size = 40;
  config.hidden_size = 16;
  config.intermediate_size = 24;
  config.num_layers = 1;
  config.num_heads = config.num_kv_heads = 4;
  config.head_dim = 4;
  config.tied_head = true;
  config.rope.max_positions = 64;
  const auto model = new_llama(config, Seed(1));
  const std::string name = "base_model.model.model.embed_tokens.";
  using Tensors = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;
  PeftConfig peft;
  peft.r = 2;
  ParameterSet pair(std::make_shared<const ParameterLayout>(
      Tensors{{name + "lora_embedding_A", {2, 40}}, {name + "lora_embedding_B", {16, 2}}}));
  fill_normal(Seed(1), pair.values(), 1);
  {
    const AdapterAttachment attached(*model, pair, peft, false);
    const at::Tensor ids = at::arange(6, at::kLong);
    const at::Tensor rows = model->embedding()->weight().index_select(0, ids);
    CHECK(distance(model->embedding()->forward(ids), rows) > 0.1);
    CHECK(at::equal(model->head(at::eye(16)), model->embedding()->weight().t()));
  }
  CHECK_THROWS_AS(merge_adapter(*model, pair, peft), IoError);
  ParameterSet whole(std::make_shared<const ParameterLayout>(Tensors{{name + "weight", {40, 16}}}));
  CHECK_THROWS_AS(AdapterAttachment(*model, whole, peft, false), IoError);
}
