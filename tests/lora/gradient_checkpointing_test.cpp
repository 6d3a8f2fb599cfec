#include <ATen/ATen.h>

#include "lora/adapter_attachment.h"
#include "lora/packing.h"
#include "tests/lora/tiny_llama.h"
#include "tests/model/small_families.h"
#include "tests/support/doctest_torch.h"
#include "tests/support/tensor_memory.h"

using namespace fennec;  // NOLINT: test

namespace {

std::vector<at::Tensor> gradients_of(CausalLm& model, const TrainBatch& batch, ParameterSet adapter,
                                     bool checkpointing) {
  const AdapterAttachment attached(model, adapter, attached_config({4, 8, false, {}}), true);
  model.set_gradient_checkpointing(checkpointing);
  supervised_loss(model, batch.tokens, batch.labels).sum.backward();
  std::vector<at::Tensor> gradients;
  for (const at::Tensor& tensor : attached.tensors()) gradients.push_back(tensor.grad());
  return gradients;
}

void check_same(CausalLm& model, const TrainBatch& batch, const ParameterSet& adapter) {
  const auto plain = gradients_of(model, batch, adapter.clone(), false),
             checkpointed = gradients_of(model, batch, adapter.clone(), true);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    CAPTURE(i);
    REQUIRE(plain[i].defined());
    REQUIRE(checkpointed[i].defined());
    CHECK(plain[i].abs().max().item<double>() > 0);
    CHECK(at::equal(plain[i], checkpointed[i]));
  }
}

/// Of the linears named only: the layers below want no gradient.
ParameterSet adapter_on(CausalLm& model, const std::string& part) {
  std::vector<LinearShape> linears;
  for (const Projection* p : model.projections())
    if (p->module().find(part) != std::string::npos)
      linears.push_back({p->module(), p->in_features(), p->out_features()});
  ParameterSet adapter(lora_layout(linears, 4));
  fill_normal(Seed(3), adapter.values(), 0.2f);
  return adapter;
}

}  // namespace

TEST_CASE("gradient checkpointing: the bits of every gradient, packed or one document a row") {
  const auto model = test::tiny_llama();
  const auto examples = test::random_examples(6, 12, 7);
  for (const PackedBatch& rows : {PackedBatch{{0}, {1}, {2}}, PackedBatch{{0, 1, 2}, {3, 4}, {5}}})
    for (const char* part : {"layers", "layers.1", "layers.0.mlp", "q_proj"}) {
      CAPTURE(std::string(part));
      check_same(*model, make_batch(examples, rows), adapter_on(*model, part));
    }
}

TEST_CASE("gradient checkpointing: the same bits in every family") {
  const TrainBatch batch = make_batch(test::random_examples(4, 12, 7), {{0, 1}, {2}, {3}});
  for (const test::SmallFamily& family : test::kSmallFamilies) {
    CAPTURE(std::string(family.label));
    const auto model = test::random_family(family);
    check_same(*model, batch, test::random_adapter(*model, 4, 3));
  }
}

TEST_CASE("gradient checkpointing: a training run ends in the bytes of the plain one") {
  const auto model = test::tiny_llama();
  const auto examples = test::random_examples(12, 10, 7);
  TrainConfig config;
  config.local_steps = 8;
  config.batch_tokens = 48;
  config.max_sequence_tokens = 24;
  ParameterSet plain = initial_lora(test::layout_for(*model, 4), Seed(5)), checkpointed = plain.clone();
  REQUIRE(Trainer(*model, {4, 8, false, {}}, config).train(plain, examples, Seed(9)));
  config.gradient_checkpointing = true;
  REQUIRE(Trainer(*model, {4, 8, false, {}}, config).train(checkpointed, examples, Seed(9)));
  CHECK(std::ranges::equal(plain.bytes(), checkpointed.bytes()));
}

TEST_CASE("gradient checkpointing: a step holds one layer's activations instead of all layers'") {
  LlamaConfig sizes;
  sizes.vocab_size = 40;
  sizes.hidden_size = 32;
  sizes.intermediate_size = 96;
  sizes.num_layers = 8;
  sizes.num_heads = sizes.num_kv_heads = 4;
  sizes.head_dim = 8;
  const auto model = new_llama(sizes, Seed(1));
  std::vector<TokenizedExample> examples(4);
  for (auto& example : examples) example.ids.assign(60, 7);
  const TrainBatch batch = make_batch(examples, {{0}, {1}, {2}, {3}});
  const ParameterSet adapter = test::random_adapter(*model, 4, 1);
  std::int64_t peaks[2] = {};
  for (const bool checkpointing : {false, true}) {
    const test::TensorMemory memory;
    gradients_of(*model, batch, adapter.clone(), checkpointing);
    peaks[checkpointing] = memory.peak();
  }
  CHECK(3 * peaks[true] < peaks[false]);
}
