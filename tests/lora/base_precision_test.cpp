// What keeping the base in a few bits costs in loss, on real weights.
#include <algorithm>
#include <cmath>

#include <ATen/core/grad_mode.h>

#include "core/adapter_plan.h"
#include "core/peft_directory.h"
#include "data/sensor_world.h"
#include "lora/adapter_attachment.h"
#include "lora/evaluation.h"
#include "lora/trainer.h"
#include "tests/lora/stories.h"
#include "tests/lora/tiny_llama.h"
#include "tests/support/doctest_torch.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

using namespace fennec;  // NOLINT: test

namespace {

struct Gate {
  const char* precision;
  double share;  ///< of the fp32 loss
};
constexpr Gate kGates[] = {{"int8", 0.005}, {"int4", 0.05}};

std::filesystem::path sensor_tiny() {
  return std::filesystem::path(FENNEC_SOURCE) / "models/sensor-tiny";
}

/// Mean loss of all tasks, nats per token.
double mean_loss(const CausalLm& model, const Tokenizer& tokenizer,
                 const std::vector<Example>& examples) {
  double sum = 0;
  int tasks = 0;
  for (const auto& [name, value] : evaluate(model, tokenizer, examples).metrics())
    if (name.starts_with("loss")) {
      sum += value;
      ++tasks;
    }
  REQUIRE(tasks > 0);
  return sum / tasks;
}

void check_within(const Gate& gate, double loss, double plain) {
  CAPTURE(std::string(gate.precision));
  CAPTURE(loss);
  CAPTURE(plain);
  CHECK(std::abs(loss - plain) <= gate.share * plain);
}

/// The held-out loss of a pump's examples after fine-tuning on the earlier ones.
double tuned_loss(const std::string& precision) {
  const auto model = load_causal_lm(sensor_tiny(), precision);
  const Tokenizer tokenizer = Tokenizer::load(sensor_tiny());
  std::vector<Example> train = world_examples("pump", 5, 120, Seed(77)),
                       held_out(train.end() - 30, train.end());
  train.resize(90);
  ParameterSet adapter = initial_lora(test::layout_for(*model, 8), Seed(2));
  TrainConfig config;
  config.local_steps = 60;
  config.batch_tokens = 512;
  config.max_sequence_tokens = 256;
  REQUIRE(
      Trainer(*model, {}, config).train(adapter, tokenize_examples(tokenizer, train, 256), Seed(3)));
  const AdapterAttachment attached(*model, adapter, attached_config({}), false);
  return mean_loss(*model, tokenizer, held_out);
}

}  // namespace

TEST_CASE("base precision: sensor-tiny's loss stays within the gates") {
  const Tokenizer tokenizer = Tokenizer::load(sensor_tiny());
  std::vector<Example> examples;
  for (const char* kind : {"home", "wearable", "pump"})
    for (Example& example : world_examples(kind, 3, 25, Seed(77)))
      examples.push_back(std::move(example));
  const double plain = mean_loss(*load_causal_lm(sensor_tiny()), tokenizer, examples);
  for (const Gate& gate : kGates)
    check_within(gate, mean_loss(*load_causal_lm(sensor_tiny(), gate.precision), tokenizer, examples),
                 plain);
}

TEST_CASE("base precision: stories260K's loss stays within the gates") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  const auto dir = test::shared("pretrained/stories260K");
  const at::NoGradGuard no_grad;
  auto ids = test::integers(Safetensors::open(dir / "expected_finetune.safetensors"), "batch");
  const TokenBatch batch{at::from_blob(ids.data(), {8, 64}, at::kLong), {}, {}};
  const auto loss_of = [&](const std::string& precision) {
    const LossSum loss = supervised_loss(*load_causal_lm(dir, precision), batch, batch.ids);
    return loss.sum.item<double>() / static_cast<double>(loss.positions);
  };
  const double plain = loss_of("fp32");
  MESSAGE("nf4 changes stories260K's loss by a factor of ", loss_of("nf4") / plain);
  for (const Gate& gate : kGates) check_within(gate, loss_of(gate.precision), plain);
}

TEST_CASE("base precision: fine-tuning on a quantised base ends with the loss it ends with on fp32") {
  const double plain = tuned_loss("fp32");
  for (const char* precision : {"int8", "int4"})
    check_within({precision, 0.02}, tuned_loss(precision), plain);
}

TEST_CASE("base precision: an adapter trained over codes is a plain PEFT directory") {
  const test::TempDir dir;
  const auto model = load_causal_lm(sensor_tiny(), "int4");
  const Tokenizer tokenizer = Tokenizer::load(sensor_tiny());
  LoraConfig lora;
  lora.rank = 4;
  const AdapterPlan plan =
      plan_adapter(sensor_tiny(), to_peft_config(lora, "base"), peft_method(lora.method));
  ParameterSet adapter = initial_adapter(plan, Seed(2));
  TrainConfig config;
  config.local_steps = 1;
  config.max_sequence_tokens = 128;
  REQUIRE(Trainer(*model, lora, config)
              .train(adapter, tokenize_examples(tokenizer, world_examples("pump", 1, 4, Seed(1)), 128),
                     Seed(3)));
  write_peft_directory(dir / "adapter", plan.config, adapter);
  const PeftAdapter read = read_peft_directory(dir / "adapter");
  REQUIRE(read.tensors.layout()->entries().size() == adapter.layout()->entries().size());
  for (const ParameterEntry& entry : adapter.layout()->entries()) {
    CAPTURE(entry.name);
    const ParameterEntry* found = read.tensors.layout()->find(entry.name);
    REQUIRE(found != nullptr);
    CHECK(std::ranges::equal(read.tensors.values(*found), std::as_const(adapter).values(entry)));
  }
}
