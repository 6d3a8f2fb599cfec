#include "model/step_memory.h"

#include <algorithm>
#include <set>

#include "core/adapter_plan.h"
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
  std::int64_t first_layer = 0;
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
                           {"llama, frozen half", kTiny, 4, 128, 128, false, 3},
                           {"llama, frozen half", kTiny, 4, 128, 128, true, 3},
                           {"llama, last layer", kTiny, 1, 256, 64, false, 5},
                           {"qwen3", kQwen3, 4, 128, 64, false},
                           {"qwen3", kQwen3, 4, 128, 64, true},
                           {"gemma", kGemma, 4, 128, 64, false},
                           {"gemma", kGemma, 4, 128, 64, true},
                           {"gpt2", kGpt2, 4, 128, 64, false},
                           {"gpt2", kGpt2, 4, 128, 64, true},
                           {"gpt2, frozen half", kGpt2, 4, 128, 64, false, 2},
                           {"gpt_neox", kNeoX, 4, 128, 64, false},
                           {"gpt_neox", kNeoX, 4, 128, 64, true}};

std::unique_ptr<CausalLm> random_model(const char* config) {
  RandomWeights weights(Seed(1), 4);
  return load_family(HfConfig::parse(config, "test"), weights);
}

/// Bytes of tensors at the peak of two training steps, weights not counted.
double measured_peak(CausalLm& model, ParameterSet& adapter, const Case& c, TrainingChoice choice = {},
                     const ParameterSet& frozen = kNothingFrozen) {
  std::vector<TokenizedExample> examples(static_cast<std::size_t>(c.rows));
  for (TokenizedExample& example : examples) {
    example.ids.assign(static_cast<std::size_t>(c.tokens), 5);
    example.prompt_tokens = static_cast<std::size_t>(c.tokens - c.completion);
  }
  TrainConfig& train = choice.train;
  train.local_steps = 2;
  train.batch_tokens = c.rows * c.tokens;
  train.max_sequence_tokens = c.tokens;
  train.gradient_checkpointing = c.checkpointing;
  const test::TensorMemory memory;
  REQUIRE(Trainer(model, choice.lora, train, frozen).train(adapter, examples, Seed(1)));
  return static_cast<double>(memory.peak());
}

/// Qwen2.5-0.5B's.
ModelShape qwen_like() {
  ModelShape shape;
  shape.layers = 24;
  shape.width = 896;
  shape.heads = 14;
  shape.kv_heads = 2;
  shape.head_width = 64;
  shape.intermediate = 4864;
  shape.vocabulary = 151936;
  return shape;
}

/// Some of its linears.
std::vector<LinearShape> linears_of(const ModelShape& shape) {
  std::vector<LinearShape> linears;
  for (std::int64_t i = 0; i < shape.layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    linears.push_back({layer + "self_attn.q_proj", 896, 896, true});
    linears.push_back({layer + "self_attn.v_proj", 896, 128, true});
    linears.push_back({layer + "mlp.down_proj", 4864, 896});
  }
  return linears;
}

}  // namespace

TEST_CASE("step memory: the estimate is within a tenth of the measured peak") {
  for (const Case& c : kCases) {
    CAPTURE(std::string(c.label));
    CAPTURE(c.checkpointing);
    const auto model = random_model(c.config);
    const test::TempDir dir;
    save_checkpoint(*model, dir / "base", Dtype::kF32);
    ParameterSet adapter = initial_lora(test::layout_for(*model, 8, c.first_layer), Seed(2));
    const auto parameters = static_cast<std::int64_t>(adapter.size()),
               linears = static_cast<std::int64_t>(model->projections().size());
    const StepMemory estimate =
        estimate_step(read_model_shape(dir / "base"),
                      {"fp32", c.rows, c.tokens, c.rows * c.completion, parameters,
                       linears / model->layers() * 8, c.checkpointing, c.first_layer});
    // Values, moments and weights are not allocated in the step; gradients are.
    const double want = estimate.activations + estimate.logits + 4.0 * static_cast<double>(parameters);
    const double got = measured_peak(*model, adapter, c);
    CAPTURE(estimate.activations);
    CAPTURE(estimate.logits);
    CHECK(got == doctest::Approx(want).epsilon(0.1));
  }
}

TEST_CASE("step memory: the estimate of the other methods is within a seventh of the measured peak") {
  struct Method {
    const char *method, *optimizer;
    bool checkpointing;
  };
  for (const char* config : {kTiny, kQwen3, kGemma, kGpt2, kNeoX})
    for (const Method& m :
         {Method{"ia3", "adamw", false}, Method{"ia3", "adamw", true}, Method{"dora", "adamw", false},
          Method{"dora", "adamw", true}, Method{"ffa_lora", "adamw", false},
          Method{"ffa_lora", "mezo", false}, Method{"ia3", "mezo", false}}) {
      const Case c{"", config, 4, 128, 128, m.checkpointing};
      CAPTURE(std::string(config));
      CAPTURE(std::string(m.method));
      CAPTURE(std::string(m.optimizer));
      CAPTURE(m.checkpointing);
      TrainingChoice choice;
      choice.lora.method = m.method;
      choice.train.optimizer = m.optimizer;
      choice.train.batch_tokens = c.rows * c.tokens;
      choice.train.max_sequence_tokens = c.tokens;
      choice.train.gradient_checkpointing = m.checkpointing;
      const auto model = random_model(config);
      const test::TempDir dir;
      save_checkpoint(*model, dir / "base", Dtype::kF32);
      const AdapterPlan plan =
          plan_adapter(dir / "base", to_peft_config(choice.lora, ""), peft_method(m.method));
      ParameterSet adapter = initial_adapter(plan, Seed(2));
      const ParameterSet frozen = frozen_adapter(plan, Seed(2));
      const StepMemory estimate =
          memory_of(read_model_shape(dir / "base"), linears_of_checkpoint(dir / "base"), choice);
      const auto trained = static_cast<double>(adapter.size());
      const bool forward_only = choice.train.optimizer == "mezo";
      CHECK(estimate.adapter ==
            4 * ((forward_only ? 3 : 5) * trained + static_cast<double>(frozen.size())));
      const double want = estimate.activations + estimate.logits + (forward_only ? 0 : 4 * trained);
      CHECK(measured_peak(*model, adapter, c, choice, frozen) ==
            doctest::Approx(want).epsilon(1.0 / 7));
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
  const ModelShape shape = qwen_like();
  const auto linears = linears_of(shape);
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
  CHECK(none.choice.train.optimizer == "mezo");
  CHECK(none.choice.lora.method == "ffa_lora");
  CHECK(none.choice.lora.target_modules == std::vector<std::string>{"peft-default"});
  CHECK(none.choice.lora.alpha / none.choice.lora.rank == 2);

  // Room for frozen layers' states counts; on disk it takes none.
  TrainingChoice kept;
  kept.lora.layers_to_transform = {22, 23};
  const double without = memory_of(shape, linears, kept).total();
  CHECK(without < memory_of(shape, linears, {}).total());
  kept.train.prefix_cache.store = "disk";
  CHECK(memory_of(shape, linears, kept).total() == without);
  kept.train.prefix_cache.store = "memory";
  CHECK(memory_of(shape, linears, kept).total() == without + 256e6);
}

TEST_CASE("training plan: with less and less, LoRA, then what needs less, MeZO last, then nothing") {
  const ModelShape shape = qwen_like();
  const auto linears = linears_of(shape);
  const TrainingPlan smallest = plan_training(shape, linears, {}, 1);
  const double floor = smallest.steps.back().memory.total();
  std::vector<std::string> seen;
  double least_backward = 1e18;
  for (double budget = 1.05 * floor; budget > 0.998 * floor; budget *= 0.999) {
    const TrainingPlan plan = plan_training(shape, linears, {}, budget);
    const std::string kind = !plan.fits                              ? "nothing"
                             : plan.choice.train.optimizer == "mezo" ? "mezo"
                                                                     : plan.choice.lora.method;
    if (seen.empty() || seen.back() != kind) seen.push_back(kind);
    if (!plan.fits) continue;
    CHECK(plan.steps.back().memory.total() <= budget);
    if (kind == "mezo")
      CHECK(budget < least_backward);
    else
      least_backward = std::min(least_backward, plan.steps.back().memory.total());
  }
  CHECK(seen.front() == "lora");
  REQUIRE(seen.size() >= 3);
  CHECK(seen[seen.size() - 2] == "mezo");
  CHECK(seen.back() == "nothing");
  CHECK(std::set<std::string>(seen.begin(), seen.end()).size() == seen.size());  // never back
  // Before anything is given up altogether, the frozen half of the layers is.
  const TrainingPlan tight = plan_training(shape, linears, {}, least_backward);
  CHECK(tight.choice.lora.layers_to_transform.size() == 6);
  CHECK(tight.choice.train.prefix_cache.store == "disk");
  // What is asked for is tried first.
  TrainingChoice factors;
  factors.lora.method = "ia3";
  CHECK(plan_training(shape, linears, factors, 8e8).choice.lora.method == "ia3");
}
