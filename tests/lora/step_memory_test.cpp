#include "model/step_memory.h"

#include "core/error.h"
#include "lora/training_plan.h"
#include "model/hf_config.h"
#include "model/random_weights.h"
#include "model/registry.h"
#include "model/save_checkpoint.h"
#include "tests/lora/tiny_llama.h"
#include "tests/support/doctest_torch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tensor_memory.h"

using namespace fennec;  // NOLINT: test

namespace {

struct Case {
  const char* label;
  const char* config;
  int rows, tokens, completion;
  bool checkpointing;
};

constexpr const char* kTiny = R"({"model_type": "llama", "num_hidden_layers": 6, "hidden_size": 128,
  "intermediate_size": 352, "vocab_size": 1024, "num_attention_heads": 4, "num_key_value_heads": 2,
  "tie_word_embeddings": true})";
constexpr const char* kWideVocabulary = R"({"model_type": "llama", "num_hidden_layers": 12,
  "hidden_size": 64, "intermediate_size": 256, "vocab_size": 20000, "num_attention_heads": 4,
  "num_key_value_heads": 2, "tie_word_embeddings": true})";
constexpr const char* kQwen3 = R"({"model_type": "qwen3", "num_hidden_layers": 4, "hidden_size": 128,
  "intermediate_size": 384, "vocab_size": 512, "num_attention_heads": 4, "num_key_value_heads": 2,
  "head_dim": 32, "tie_word_embeddings": true})";
constexpr const char* kGemma = R"({"model_type": "gemma", "num_hidden_layers": 4, "hidden_size": 128,
  "intermediate_size": 512, "vocab_size": 512, "num_attention_heads": 4, "num_key_value_heads": 1,
  "head_dim": 32})";
constexpr const char* kGpt2 = R"({"model_type": "gpt2", "n_layer": 4, "n_embd": 128, "n_head": 4,
  "n_positions": 256, "vocab_size": 512})";
constexpr const char* kNeoX = R"({"model_type": "gpt_neox", "num_hidden_layers": 4, "hidden_size": 128,
  "intermediate_size": 512, "vocab_size": 512, "num_attention_heads": 4,
  "max_position_embeddings": 256})";

constexpr Case kCases[] = {{"llama", kTiny, 4, 128, 128, false},
                           {"llama", kTiny, 4, 128, 128, true},
                           {"llama, short answers", kTiny, 2, 256, 32, false},
                           {"llama, the logits are the peak", kWideVocabulary, 2, 100, 100, true},
                           {"qwen3", kQwen3, 4, 128, 64, false},
                           {"qwen3", kQwen3, 4, 128, 64, true},
                           {"gemma", kGemma, 4, 128, 64, false},
                           {"gemma", kGemma, 4, 128, 64, true},
                           {"gpt2", kGpt2, 4, 128, 64, false},
                           {"gpt2", kGpt2, 4, 128, 64, true},
                           {"gpt_neox", kNeoX, 4, 128, 64, false},
                           {"gpt_neox", kNeoX, 4, 128, 64, true}};

std::unique_ptr<CausalLm> random_model(const char* config) {
  RandomWeights weights(Seed(1), 4);
  return load_family(HfConfig::parse(config, "test"), weights);
}

/// Bytes of tensors at the peak of two training steps, weights not counted.
double measured_peak(CausalLm& model, ParameterSet& adapter, const Case& c) {
  std::vector<TokenizedExample> examples(static_cast<std::size_t>(c.rows));
  for (TokenizedExample& example : examples) {
    example.ids.assign(static_cast<std::size_t>(c.tokens), 5);
    example.prompt_tokens = static_cast<std::size_t>(c.tokens - c.completion);
  }
  TrainConfig train;
  train.local_steps = 2;
  train.batch_tokens = c.rows * c.tokens;
  train.max_sequence_tokens = c.tokens;
  train.gradient_checkpointing = c.checkpointing;
  const test::TensorMemory memory;
  REQUIRE(Trainer(model, {}, train).train(adapter, examples, Seed(1)));
  return static_cast<double>(memory.peak());
}

}  // namespace

TEST_CASE("step memory: the estimate is within a tenth of the measured peak") {
  for (const Case& c : kCases) {
    CAPTURE(std::string(c.label));
    CAPTURE(c.checkpointing);
    const auto model = random_model(c.config);
    const test::TempDir dir;
    save_checkpoint(*model, dir / "base", Dtype::kF32);
    ParameterSet adapter = initial_lora(test::layout_for(*model, 8), Seed(2));
    const auto parameters = static_cast<std::int64_t>(adapter.size()),
               linears = static_cast<std::int64_t>(model->projections().size());
    const StepMemory estimate = estimate_step(
        read_model_shape(dir / "base"), {"fp32", c.rows, c.tokens, c.rows * c.completion, parameters,
                                         linears / model->layers() * 8, c.checkpointing});
    // Values, moments and weights are not allocated in the step; gradients are.
    const double want = estimate.activations + estimate.logits + 4.0 * static_cast<double>(parameters);
    const double got = measured_peak(*model, adapter, c);
    CAPTURE(estimate.activations);
    CAPTURE(estimate.logits);
    CHECK(got == doctest::Approx(want).epsilon(0.1));
  }
}

TEST_CASE("step memory: weights are what the quantised matrices take") {
  for (const std::string& kind : quantized_kinds()) {
    const auto matrix = quantize(kind, 64, 512, [](std::int64_t begin, std::int64_t end, float* out) {
      fill_normal(Seed(1), {out, static_cast<std::size_t>((end - begin) * 512)}, 1);
    });
    CHECK(weight_bytes(kind, 64, 512) ==
          doctest::Approx(static_cast<double>(matrix->bytes())).epsilon(2e-3));
  }
  CHECK(weight_bytes("fp32", 3, 5) == 60);
  CHECK_THROWS_AS(weight_bytes("int5", 1, 1), ConfigError);
  for (const char* config : {kTiny, kQwen3, kGemma, kGpt2, kNeoX}) {
    const auto model = random_model(config);
    const test::TempDir dir;
    save_checkpoint(*model, dir / "base", Dtype::kF32);
    std::int64_t values = 0;
    for (const Projection* p : model->projections()) values += p->in_features() * p->out_features();
    CHECK(read_model_shape(dir / "base").linear_parameters() == values);
  }
}

TEST_CASE("training plan: a generous budget changes nothing, a tighter one only as much as it must") {
  ModelShape shape;
  shape.layers = 24;
  shape.width = 896;
  shape.heads = 14;
  shape.kv_heads = 2;
  shape.head_width = 64;
  shape.intermediate = 4864;
  shape.vocabulary = 151936;
  std::vector<LinearShape> linears;
  for (std::int64_t i = 0; i < shape.layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    linears.push_back({layer + "self_attn.q_proj", 896, 896, true});
    linears.push_back({layer + "self_attn.v_proj", 896, 128, true});
    linears.push_back({layer + "mlp.down_proj", 4864, 896});
  }
  const TrainingPlan easy = plan_training(shape, linears, {}, 100e9);
  CHECK(easy.fits);
  CHECK(easy.steps.size() == 1);
  CHECK(easy.choice.base_precision == "fp32");

  double last = 1e18;
  for (const double budget : {4e9, 1.5e9, 1e9, 6.5e8}) {
    const TrainingPlan plan = plan_training(shape, linears, {}, budget);
    CAPTURE(budget);
    REQUIRE(plan.fits);
    const double total = plan.steps.back().memory.total();
    CHECK(total <= budget);
    CHECK(total <= last);
    last = total;
    CHECK(memory_of(shape, linears, plan.choice).total() == total);
    for (std::size_t i = 1; i < plan.steps.size(); ++i) {
      CHECK(plan.steps[i - 1].memory.total() > budget);  // it stopped at the first that fits
      CHECK(plan.steps[i].memory.total() <= plan.steps[i - 1].memory.total());
    }
  }
  const TrainingPlan none = plan_training(shape, linears, {}, 50e6);
  CHECK_FALSE(none.fits);
  CHECK(none.choice.base_precision == "int4");
  CHECK(none.choice.train.gradient_checkpointing);
  CHECK(none.choice.lora.target_modules == std::vector<std::string>{"peft-default"});
  CHECK(none.choice.lora.alpha / none.choice.lora.rank == 2);
}
