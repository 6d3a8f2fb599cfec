#include "core/adapter_plan.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "core/adapter_modules.h"
#include "core/error.h"
#include "core/files.h"
#include "core/lora_layout.h"
#include "core/peft_directory.h"
#include "core/safetensors.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using fennec::test::shared;

namespace {

struct Stored {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

Stored random_tensor(const std::string& name, std::vector<std::int64_t> shape, std::uint64_t seed) {
  std::size_t size = 1;
  for (const std::int64_t extent : shape) size *= static_cast<std::size_t>(extent);
  Stored out{name, std::move(shape), std::vector<float>(size)};
  fill_normal(Seed(seed), out.values, 0.3F);
  return out;
}

void write_base(const std::filesystem::path& dir, const std::string& type,
                const std::vector<Stored>& tensors) {
  std::ofstream(dir / "config.json") << "{\"model_type\": \"" << type << "\"}";
  std::vector<TensorView> views;
  for (const Stored& tensor : tensors)
    views.push_back({tensor.name, Dtype::kF32, tensor.shape, std::as_bytes(std::span(tensor.values))});
  write_file_atomically(dir / "model.safetensors", write_safetensors(views));
}

/// Two layers of q, k, v and a down projection, an embedding and a head.
std::vector<Stored> small_llama() {
  std::vector<Stored> tensors{random_tensor("model.embed_tokens.weight", {12, 6}, 1),
                              random_tensor("lm_head.weight", {12, 6}, 2)};
  for (const char* layer : {"0", "1"})
    for (const auto& [name, out, in] :
         {std::tuple("self_attn.q_proj", 6, 6), std::tuple("self_attn.k_proj", 4, 6),
          std::tuple("self_attn.v_proj", 4, 6), std::tuple("mlp.down_proj", 6, 10)})
      tensors.push_back(random_tensor(std::string("model.layers.") + layer + "." + name + ".weight",
                                      {out, in}, tensors.size() + 3));
  return tensors;
}

PeftConfig wanted(std::vector<std::string> targets = {"all-linear"}) {
  PeftConfig config;
  config.r = 2;
  config.lora_alpha = 4;
  config.target_modules = std::move(targets);
  return config;
}

std::vector<std::string> names(const LayoutPtr& layout) {
  std::vector<std::string> out;
  for (const ParameterEntry& entry : layout->entries()) out.push_back(entry.name);
  return out;
}

std::string refusal(const std::filesystem::path& base, const PeftConfig& config,
                    const char* method = "lora") {
  try {
    plan_adapter(base, config, peft_method(method));
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "accepted";
}

struct SmallBase {
  test::TempDir dir;
  SmallBase() { write_base(dir.path(), "llama", small_llama()); }
  AdapterPlan plan(const PeftConfig& config, const char* method = "lora") const {
    return plan_adapter(dir.path(), config, peft_method(method));
  }
};

bool same(const ParameterSet& a, const ParameterSet& b) {
  return std::ranges::equal(a.bytes(), b.bytes());
}

}  // namespace

TEST_CASE("methods are found by name, and an unknown one lists them") {
  CHECK(peft_method_names() ==
        std::vector<std::string>{"lora", "lora_plus", "dora", "ia3", "ffa_lora"});
  try {
    peft_method("dorra");
    FAIL("accepted");
  } catch (const ConfigError& e) {
    CHECK(std::string(e.what()) ==
          "unknown lora.method 'dorra'; did you mean 'dora'?; known: lora, lora_plus, dora, ia3, "
          "ffa_lora");
  }
}

TEST_CASE("a plan of plain LoRA is the layout and the start that pairs have by themselves") {
  const SmallBase base;
  const AdapterPlan plan = base.plan(wanted());
  const LayoutPtr pairs = lora_layout(linears_of_checkpoint(base.dir.path()), 2);
  CHECK(*plan.layout == *pairs);
  CHECK(plan.frozen->size() == 0);
  CHECK(same(initial_adapter(plan, Seed(7)), initial_lora(pairs, Seed(7))));
  CHECK(plan.config.target_modules ==
        std::vector<std::string>{"down_proj", "k_proj", "q_proj", "v_proj"});
  CHECK_FALSE(plan.config.fan_in_fan_out);
}

TEST_CASE("every method writes a directory that reads back as its own kind") {
  const SmallBase base;
  for (const std::string& name : peft_method_names()) {
    CAPTURE(name);
    const AdapterPlan plan = base.plan(wanted(), name.c_str());
    const test::TempDir out;
    const ParameterSet whole =
        complete_adapter(initial_adapter(plan, Seed(1)), frozen_adapter(plan, Seed(1)));
    CHECK(whole.layout()->entries().size() == plan.tensors.size());
    write_peft_directory(out.path(), plan.config, whole);
    const PeftAdapter back = read_peft_directory(out.path());
    CHECK(to_adapter_config_json(back.config) == to_adapter_config_json(plan.config));
    CHECK(same(arrange(back.tensors, whole.layout(), "x"), whole));
    CHECK(same(
        frozen_part(back.tensors, *plan.layout),
        arrange(frozen_adapter(plan, Seed(1)), frozen_part(back.tensors, *plan.layout).layout(), "x")));
  }
}

TEST_CASE("DoRA's magnitudes start as the norms of the stored rows, sharded, transposed or bf16") {
  const SmallBase base;
  const AdapterPlan plan = base.plan(wanted({"k_proj"}), "dora");
  const ParameterSet start = initial_adapter(plan, Seed(1));
  const Stored k = small_llama()[3];
  REQUIRE(k.name == "model.layers.0.self_attn.k_proj.weight");
  const auto* entry = plan.layout->find(
      adapter_tensor_name("model.layers.0.self_attn.k_proj", AdapterRole::kMagnitude));
  REQUIRE(entry != nullptr);
  for (std::size_t o = 0; o < 4; ++o) {
    double sum = 0;
    for (std::size_t i = 0; i < 6; ++i) sum += std::pow(static_cast<double>(k.values[o * 6 + i]), 2);
    CHECK(start.values(*entry)[o] == static_cast<float>(std::sqrt(sum)));
  }

  test::TempDir gpt2;  // the hub's spelling, weights [in, out]
  const Stored attn = random_tensor("h.0.attn.c_attn.weight", {6, 18}, 5);
  write_base(gpt2.path(), "gpt2", {random_tensor("wte.weight", {12, 6}, 4), attn});
  const AdapterPlan turned = plan_adapter(gpt2.path(), wanted(), peft_method("dora"));
  CHECK(turned.config.fan_in_fan_out);
  const ParameterSet turned_start = initial_adapter(turned, Seed(1));
  const auto magnitudes = turned_start.values(*turned.layout->find(
      adapter_tensor_name("transformer.h.0.attn.c_attn", AdapterRole::kMagnitude)));
  for (std::size_t o = 0; o < 18; ++o) {
    double sum = 0;
    for (std::size_t i = 0; i < 6; ++i)
      sum += std::pow(static_cast<double>(attn.values[i * 18 + o]), 2);
    CHECK(magnitudes[o] == static_cast<float>(std::sqrt(sum)));
  }
}

TEST_CASE("FFA-LoRA: only B travels, and A is the one that LoRA draws from the same seed") {
  const SmallBase base;
  const AdapterPlan ffa = base.plan(wanted(), "ffa_lora"), lora = base.plan(wanted());
  for (const std::string& name : names(ffa.layout)) CHECK(name.ends_with(".lora_B.weight"));
  for (const std::string& name : names(ffa.frozen)) CHECK(name.ends_with(".lora_A.weight"));
  CHECK(ffa.layout->size() + ffa.frozen->size() == lora.layout->size());
  const ParameterSet whole = initial_adapter(lora, Seed(3)), frozen = frozen_adapter(ffa, Seed(3));
  CHECK(same(frozen_part(whole, *ffa.layout), frozen));
  CHECK_FALSE(same(frozen_adapter(ffa, Seed(4)), frozen));
  CHECK(ffa.config.target_modules == lora.config.target_modules);
}

TEST_CASE("(IA)3 adapts keys, values and the input of the last feed-forward linear") {
  const SmallBase base;
  const AdapterPlan plan = base.plan(wanted(), "ia3");
  CHECK(plan.config.target_modules == std::vector<std::string>{"down_proj", "k_proj", "v_proj"});
  CHECK(plan.config.feedforward_modules == std::vector<std::string>{"down_proj"});
  REQUIRE(plan.layout->entries().size() == 6);
  CHECK(plan.layout->find("base_model.model.model.layers.0.self_attn.k_proj.ia3_l")->shape ==
        std::vector<std::int64_t>{4, 1});
  CHECK(plan.layout->find("base_model.model.model.layers.1.mlp.down_proj.ia3_l")->shape ==
        std::vector<std::int64_t>{1, 10});
  const ParameterSet start = initial_adapter(plan, Seed(1));
  for (const float value : start.values()) CHECK(value == 1.0F);
}

TEST_CASE("patterns, layers, the embedding, the head and saved modules find their places") {
  const SmallBase base;
  PeftConfig config = wanted({"q_proj", "embed_tokens", "lm_head"});
  config.rank_pattern = {{"layers.1.self_attn.q_proj", 3}, {"embed_tokens", 1}};
  const AdapterPlan plan = base.plan(config);
  const auto rank = [&](const char* name) {
    const auto* entry = plan.layout->find(std::string("base_model.model.") + name);
    REQUIRE(entry != nullptr);
    return entry->shape[0];
  };
  CHECK(rank("model.layers.0.self_attn.q_proj.lora_A.weight") == 2);
  CHECK(rank("model.layers.1.self_attn.q_proj.lora_A.weight") == 3);
  CHECK(rank("model.embed_tokens.lora_embedding_A") == 1);
  CHECK(rank("lm_head.lora_A.weight") == 2);
  const ParameterSet start = initial_adapter(plan, Seed(2));
  for (const float v :
       start.values(*plan.layout->find("base_model.model.model.embed_tokens.lora_embedding_A")))
    CHECK(v == 0.0F);

  PeftConfig layers = wanted();
  layers.layers_to_transform = {1};
  const AdapterPlan second_layer = base.plan(layers);
  for (const std::string& name : names(second_layer.layout))
    CHECK(name.find(".layers.1.") != std::string::npos);
  CHECK(second_layer.first_layer == 1);
  CHECK(plan.first_layer == 0);
  CHECK(base.plan(wanted({"lm_head"})).first_layer == 2);  // the head alone: behind both layers
  layers.modules_to_save = {"embed_tokens"};
  CHECK(base.plan(layers).first_layer == 0);

  PeftConfig saved = wanted({"q_proj"});
  saved.modules_to_save = {"lm_head"};
  const AdapterPlan whole = base.plan(saved);
  const auto* head = whole.layout->find("base_model.model.lm_head.weight");
  REQUIRE(head != nullptr);
  const ParameterSet saved_start = initial_adapter(whole, Seed(1));
  CHECK(std::ranges::equal(saved_start.values(*head), small_llama()[1].values));
}

TEST_CASE("a configuration that does not fit the base model is refused by its key") {
  const SmallBase base;
  const auto with = [](auto change) {
    PeftConfig config = wanted();
    change(config);
    return config;
  };
  const auto& dir = base.dir.path();
  CHECK(refusal(dir, with([](PeftConfig& c) { c.target_modules = {"o_proj"}; }))
            .starts_with("lora.target_modules: 'o_proj' matches no linear"));
  CHECK(refusal(dir, with([](PeftConfig& c) {
                  c.layers_to_transform = {1, 7};
                })) == "lora.layers_to_transform: no adapted linear of the base model is in layer 7");
  CHECK(refusal(dir, with([](PeftConfig& c) {
                  c.rank_pattern = {{"o_proj", 3}};
                })) == "lora.rank_pattern: 'o_proj' matches no adapted module");
  CHECK(refusal(dir, with([](PeftConfig& c) {
                  c.alpha_pattern = {{"o_proj", 3}};
                })) == "lora.alpha_pattern: 'o_proj' matches no adapted module");
  CHECK(refusal(dir, with([](PeftConfig& c) { c.modules_to_save = {"norm"}; }))
            .starts_with("lora.modules_to_save: 'norm' is neither"));
  CHECK(refusal(dir, with([](PeftConfig& c) {
                  c.target_modules = {"lm_head"};
                  c.modules_to_save = {"lm_head"};
                })) == "lora.modules_to_save: 'lm_head' is adapted or saved already");
  CHECK(refusal(dir, with([](PeftConfig& c) {
                  c.target_modules = {"q_proj", "embed_tokens"};
                  c.layers_to_transform = {0};
                }))
            .starts_with("lora.layers_to_transform: the embedding"));
  CHECK(refusal(dir, with([](PeftConfig& c) { c.target_modules = {"embed_tokens"}; }), "dora")
            .starts_with("lora.target_modules: this lora.method has no adapter for the token"));
}

TEST_CASE("the draws of the embedding's B have the moments of N(0, 1)") {
  const SmallBase base;
  PeftConfig config = wanted({"embed_tokens"});
  config.r = 600;
  const AdapterPlan plan = base.plan(config);
  const ParameterSet start = initial_adapter(plan, Seed(2));
  const auto values =
      start.values(*plan.layout->find("base_model.model.model.embed_tokens.lora_embedding_B"));
  double sum = 0, squares = 0;
  for (const float v : values) {
    sum += static_cast<double>(v);
    squares += static_cast<double>(v) * static_cast<double>(v);
  }
  const auto n = static_cast<double>(values.size());
  CHECK(std::abs(sum / n) < 0.06);
  CHECK(squares / n == doctest::Approx(1).epsilon(0.08));
}

TEST_CASE("plans have exactly the tensors that PEFT wrote, for every kind of golden adapter") {
  FENNEC_NEEDS_SHARED("golden");
  for (const auto& dir : test::golden_checkpoints())
    for (const char* kind : {"qv", "all", "rslora", "dora", "pattern", "save_head", "embed"}) {
      const auto folder = dir / ("adapter_" + std::string(kind));
      if (!std::filesystem::exists(folder)) continue;
      CAPTURE(folder.string());
      const PeftAdapter golden = read_peft_directory(folder);
      const AdapterPlan plan =
          plan_adapter(dir, golden.config, peft_method(golden.config.use_dora ? "dora" : "lora"));
      CHECK(arrange(golden.tensors, plan.layout, "golden").size() == golden.tensors.size());
      CHECK(to_adapter_config_json(plan.config) == to_adapter_config_json(golden.config));
    }
}
