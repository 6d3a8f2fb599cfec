// Every registered PEFT method obeys these, so a new one is tested before it has tests of its own.
#include "tests/support/doctest_torch.h"

#include <algorithm>
#include <cmath>

#include "core/peft_directory.h"
#include "lora/trainer.h"
#include "tests/lora/adapter_case.h"

using namespace fennec;
using namespace fennec::test;

namespace {

template <class Law>
void for_every_method(Law law) {
  for (const std::string& name : peft_method_names()) {
    CAPTURE(name);
    AdapterCase c(name);
    law(c);
  }
}

bool same(const ParameterSet& a, const ParameterSet& b) {
  return std::ranges::equal(a.bytes(), b.bytes());
}

}  // namespace

TEST_CASE("law: a fresh adapter is the base model, bit for bit where nothing is divided") {
  const TokenBatch batch = counting_batch(2, 9);
  for_every_method([&](AdapterCase& c) {
    const at::Tensor base = logits_of(*c.model, batch);
    const at::Tensor fresh = c.attached_logits(c.start, batch);
    if (c.lora.method == "dora")
      CHECK(distance(fresh, base) <= 1e-6 * std::max(1.0, largest(base)));
    else
      CHECK(at::equal(fresh, base));
    CHECK(at::equal(logits_of(*c.model, batch), base));  // detached
  });
}

TEST_CASE("law: merged is attached, and a model that shares the weights keeps its own") {
  const TokenBatch batch = counting_batch(3, 11);
  for_every_method([&](AdapterCase& c) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      const auto model = c.model->share();
      const at::Tensor base = logits_of(*c.model, batch);
      ParameterSet adapter = c.moved(seed);
      const at::Tensor attached = c.attached_logits(adapter, batch);
      CHECK(distance(attached, base) > 1e-4);
      merge_adapter(*model, complete_adapter(adapter, c.frozen), c.plan.config);
      const at::Tensor merged = logits_of(*model, batch);
      CHECK(distance(merged, attached) <= 1e-5 * std::max(1.0, largest(merged)));
      CHECK(at::equal(logits_of(*c.model, batch), base));
    }
  });
}

TEST_CASE("law: written as PEFT does and read back, an adapter computes the same bits") {
  const TokenBatch batch = counting_batch(2, 7);
  for_every_method([&](AdapterCase& c) {
    ParameterSet adapter = c.moved(3);
    const TempDir out;
    write_peft_directory(out.path(), c.plan.config, complete_adapter(adapter, c.frozen));
    PeftAdapter back = read_peft_directory(out.path());
    const at::Tensor expected = c.attached_logits(adapter, batch);
    const AdapterAttachment attached(*c.model, back.tensors, back.config, false);
    CHECK(at::equal(logits_of(*c.model, batch), expected));
  });
}

TEST_CASE("law: every trained tensor gets a gradient, nothing else does") {
  const TokenBatch batch = counting_batch(2, 9);
  for_every_method([&](AdapterCase& c) {
    ParameterSet adapter = c.moved(2);
    const AdapterAttachment attached(*c.model, adapter, c.plan.config, true, c.frozen);
    supervised_loss(*c.model, batch, batch.ids).sum.backward();
    const auto& entries = adapter.layout()->entries();
    REQUIRE(attached.tensors().size() == entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
      CAPTURE(entries[i].name);
      CHECK(attached.tensors()[i].data_ptr<float>() == adapter.values(entries[i]).data());
      REQUIRE(attached.tensors()[i].grad().defined());
      CHECK(largest(attached.tensors()[i].grad()) > 0);
    }
    for (const auto& parameter : c.model->parameters()) CHECK_FALSE(parameter.second.grad().defined());
  });
}

TEST_CASE("law: gradients are slopes of the loss, taking DoRA's norms for constants") {
  const TokenBatch batch = counting_batch(2, 9);
  for_every_method([&](AdapterCase& c) {
    ParameterSet adapter = c.moved(2);
    std::vector<at::Tensor> gradients;
    {
      const AdapterAttachment attached(*c.model, adapter, c.plan.config, true, c.frozen);
      supervised_loss(*c.model, batch, batch.ids).sum.backward();
      for (const at::Tensor& tensor : attached.tensors()) gradients.push_back(tensor.grad().clone());
    }
    const auto loss_at = [&](const ParameterEntry& entry, const at::Tensor& direction, double step) {
      ParameterSet there = adapter.clone();
      const auto values = there.values(entry);
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] += static_cast<float>(step) * direction.data_ptr<float>()[i];
      const AdapterAttachment attached(*c.model, there, c.plan.config, false, c.frozen);
      return supervised_loss(*c.model, batch, batch.ids).sum.item<double>();
    };
    const auto& entries = adapter.layout()->entries();
    for (std::size_t i = 0; i < entries.size(); i += 5) {
      CAPTURE(entries[i].name);
      if (c.lora.method == "dora" && entries[i].shape.size() == 2) continue;  // differs by design
      const at::Tensor direction = gradients[i] / gradients[i].norm();
      const double slope =
          (loss_at(entries[i], direction, 1e-2) - loss_at(entries[i], direction, -1e-2)) / 2e-2;
      const auto expected = gradients[i].norm().item<double>();
      CHECK(std::abs(slope - expected) <= 0.05 * expected + 2e-3);
    }
  });
}

TEST_CASE("law: training lowers the loss, repeats bit for bit and leaves what is frozen alone") {
  for_every_method([&](AdapterCase& c) {
    TrainConfig train;
    train.learning_rate = c.lora.method == "ia3" ? 3e-2 : 1e-2;
    train.local_steps = 8;
    train.batch_tokens = 256;
    train.max_sequence_tokens = 24;
    auto examples = random_examples(8, 10, 7);
    for (auto& example : examples)  // a habit to learn: count upwards
      for (std::size_t i = 0; i < example.ids.size(); ++i) example.ids[i] = static_cast<TokenId>(i + 3);
    const ParameterSet frozen = c.frozen.clone();
    Trainer trainer(*c.model, c.lora, train, c.frozen);
    ParameterSet a = c.start.clone(), b = c.start.clone();
    const auto report = trainer.train(a, examples, Seed(9));
    REQUIRE(report);
    CHECK(report->last_loss < report->first_loss);
    CHECK(report->examples_chosen == 8);
    REQUIRE(trainer.train(b, examples, Seed(9)));
    CHECK(same(a, b));
    CHECK_FALSE(same(a, c.start));
    CHECK(same(c.frozen, frozen));
  });
}

TEST_CASE("law: adapters of the wrong model are refused by name and leave the model as it was") {
  const TokenBatch batch = counting_batch(1, 8);
  for_every_method([&](AdapterCase& c) {
    LlamaConfig narrow;
    narrow.vocab_size = 40;
    narrow.hidden_size = 8;
    narrow.intermediate_size = 12;
    narrow.num_layers = 2;
    narrow.num_heads = narrow.num_kv_heads = 2;
    narrow.head_dim = 4;
    narrow.rope.max_positions = 64;
    const auto other = new_llama(narrow, Seed(1));
    const at::Tensor base = logits_of(*other, batch);
    ParameterSet adapter = c.moved(1);
    CHECK_THROWS_AS(AdapterAttachment(*other, adapter, c.plan.config, false, c.frozen), IoError);
    CHECK(at::equal(logits_of(*other, batch), base));
  });
}
