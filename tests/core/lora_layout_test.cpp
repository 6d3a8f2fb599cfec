#include "core/lora_layout.h"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <set>

#include "core/adapter_plan.h"
#include "core/error.h"
#include "core/peft_directory.h"
#include "core/safetensors.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using fennec::test::shared;

namespace {

std::vector<std::string> modules(const std::vector<LinearShape>& linears) {
  std::vector<std::string> out;
  for (const LinearShape& l : linears) out.push_back(l.module);
  return out;
}

}  // namespace

TEST_CASE("linears of a llama checkpoint, in module order") {
  FENNEC_NEEDS_SHARED("golden/llama-mha-untied");
  const auto linears = linears_of_checkpoint(shared("golden/llama-mha-untied"));
  REQUIRE(linears.size() == 14);
  CHECK(linears[0].module == "model.layers.0.self_attn.q_proj");
  CHECK(linears[3].module == "model.layers.0.self_attn.o_proj");
  CHECK(linears[4].module == "model.layers.0.mlp.gate_proj");
  CHECK(linears[6].module == "model.layers.0.mlp.down_proj");
  CHECK(linears[6].in_features == 64);
  CHECK(linears[6].out_features == 32);
  CHECK(linears[7].module == "model.layers.1.self_attn.q_proj");
}

TEST_CASE("a sharded checkpoint, and GPT-2's transposed weights") {
  FENNEC_NEEDS_SHARED("golden/gpt2");
  const auto sharded = linears_of_checkpoint(shared("golden/llama-gqa-sharded"));
  CHECK(sharded.size() == 14);
  CHECK(sharded[1].out_features == 16);  // grouped keys
  const auto gpt2 = linears_of_checkpoint(shared("golden/gpt2"));
  CHECK(modules(gpt2) ==
        std::vector<std::string>{"transformer.h.0.attn.c_attn", "transformer.h.0.attn.c_proj",
                                 "transformer.h.0.mlp.c_fc", "transformer.h.0.mlp.c_proj",
                                 "transformer.h.1.attn.c_attn", "transformer.h.1.attn.c_proj",
                                 "transformer.h.1.mlp.c_fc", "transformer.h.1.mlp.c_proj"});
  CHECK(gpt2[0].in_features == 32);
  CHECK(gpt2[0].out_features == 96);
}

TEST_CASE("our layout has exactly the tensors that PEFT writes") {
  FENNEC_NEEDS_SHARED("golden/llama-mha-untied");
  for (const char* base :
       {"llama-mha-untied", "llama-gqa-tied", "llama-gqa-sharded", "qwen3", "mistral-swa", "gpt2",
        "gpt_neox", "qwen2-bf16-untied", "llama3-ropescaled"}) {
    for (const char* adapter : {"adapter_all", "adapter_qv"}) {
      CAPTURE(std::string(base) + "/" + adapter);
      const auto dir = shared(std::string("golden/") + base);
      const PeftAdapter golden = read_peft_directory(dir / adapter);
      const auto targets = select_targets(linears_of_checkpoint(dir), golden.config.target_modules);
      const LayoutPtr ours = lora_layout(targets, golden.config.r);
      const ParameterSet same = arrange(golden.tensors, ours, "golden");
      CHECK(same.size() == golden.tensors.size());
    }
  }
}

TEST_CASE("the order of layers is by number, not by spelling") {
  test::TempDir dir;
  std::ofstream(dir / "config.json") << R"({"model_type": "llama"})";
  std::vector<TensorView> views;
  const std::vector<std::byte> zeros(4 * 6);
  for (const int layer : {10, 2, 0, 1}) {
    for (const char* name : {"mlp.down_proj", "self_attn.q_proj"})
      views.push_back({"model.layers." + std::to_string(layer) + "." + name + ".weight",
                       Dtype::kF32,
                       {2, 3},
                       zeros});
  }
  views.push_back({"model.embed_tokens.weight", Dtype::kF32, {3, 2}, zeros});
  views.push_back({"lm_head.weight", Dtype::kF32, {3, 2}, zeros});
  views.push_back({"model.norm.weight", Dtype::kF32, {6}, zeros});
  const auto bytes = write_safetensors(views);
  std::ofstream(dir / "model.safetensors", std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  const auto linears = linears_of_checkpoint(dir.path());
  REQUIRE(linears.size() == 8);
  CHECK(linears[0].module == "model.layers.0.self_attn.q_proj");
  CHECK(linears[1].module == "model.layers.0.mlp.down_proj");
  CHECK(linears[4].module == "model.layers.2.self_attn.q_proj");
  CHECK(linears[6].module == "model.layers.10.self_attn.q_proj");
}

TEST_CASE("a family nobody knows is named, with those that are") {
  test::TempDir dir;
  std::ofstream(dir / "config.json") << R"({"model_type": "mamba"})";
  try {
    linears_of_checkpoint(dir.path());
    FAIL("accepted");
  } catch (const IoError& e) {
    CHECK(std::string(e.what()).find("'mamba' is not supported; supported: llama") !=
          std::string::npos);
  }
}

TEST_CASE("targets: path, tail after a dot, all-linear; a name that matches nothing is an error") {
  const std::vector<LinearShape> linears{
      {"m.0.attn.q_proj", 4, 4}, {"m.0.attn.xq_proj", 4, 4}, {"m.0.mlp.up", 4, 8}};
  CHECK(select_targets(linears, {"all-linear"}).size() == 3);
  CHECK(modules(select_targets(linears, {"q_proj"})) == std::vector<std::string>{"m.0.attn.q_proj"});
  CHECK(modules(select_targets(linears, {"mlp.up", "m.0.attn.q_proj"})) ==
        std::vector<std::string>{"m.0.attn.q_proj", "m.0.mlp.up"});
  try {
    select_targets(linears, {"q_proj", "k_proj"});
    FAIL("accepted");
  } catch (const ConfigError& e) {
    CHECK(std::string(e.what()) ==
          "lora.target_modules: 'k_proj' matches no linear of the base model; there are: all-linear, "
          "peft-default, q_proj, up, xq_proj");
  }
}

TEST_CASE("peft-default is what PEFT adapts in each family, by the names it writes") {
  FENNEC_NEEDS_SHARED("golden/gpt2");
  const std::pair<std::string, std::vector<std::string>> defaults[] = {
      {"llama-mha-untied", {"q_proj", "v_proj"}},
      {"mistral-swa", {"q_proj", "v_proj"}},
      {"qwen3", {"q_proj", "v_proj"}},
      {"gpt2", {"c_attn"}},
      {"gpt_neox", {"query_key_value"}}};
  for (const auto& entry : defaults) {
    const auto& base = entry.first;
    const auto& names = entry.second;
    CAPTURE(base);
    const auto dir = shared("golden/" + base);
    PeftConfig wanted;
    wanted.target_modules = {"peft-default"};
    const auto targets = select_targets(linears_of_checkpoint(dir), wanted.target_modules);
    CHECK(targets.size() == 2 * names.size());
    const AdapterPlan plan = plan_adapter(dir, wanted, peft_method("lora"));
    CHECK(plan.config.target_modules == names);
    CHECK(plan.config.fan_in_fan_out == (base == "gpt2"));
    CHECK(targets[0].conv1d == (base == "gpt2"));
  }
  PeftConfig plain;
  plain.target_modules = {"c_fc", "mlp.c_proj"};
  const AdapterPlan plan = plan_adapter(shared("golden/gpt2"), plain, peft_method("lora"));
  CHECK(plan.config.target_modules == plain.target_modules);
}

TEST_CASE("GPT-2 as the hub spells it has the linears of the model") {
  test::TempDir dir;
  std::ofstream(dir / "config.json") << R"({"model_type": "gpt2"})";
  const std::vector<std::byte> zeros(4 * 6);
  std::vector<TensorView> views;
  for (const char* name : {"h.0.attn.c_attn.weight", "wte.weight", "wpe.weight", "h.0.attn.x.weight"})
    views.push_back({name, Dtype::kF32, {2, 3}, zeros});
  const auto bytes = write_safetensors(views);
  std::ofstream(dir / "model.safetensors", std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  const auto linears = linears_of_checkpoint(dir.path());
  REQUIRE(linears.size() == 1);
  CHECK(linears[0].module == "transformer.h.0.attn.c_attn");
  CHECK(linears[0].in_features == 2);
  CHECK(linears[0].out_features == 3);
}

TEST_CASE("a checkpoint the clients would refuse is refused when the adapter is laid out") {
  test::TempDir dir;
  for (const char* config : {R"({"model_type": "llama", "quantization_config": {"bits": 4}})",
                             R"({"model_type": "llama", "auto_map": {"AutoModel": "x.Y"}})",
                             R"({"model_type": "qwen2", "num_experts": 8})",
                             R"({"architectures": ["MixtralForCausalLM"]})"}) {
    std::ofstream(dir / "config.json") << config;
    CHECK_THROWS_AS(linears_of_checkpoint(dir.path()), IoError);
  }
}

TEST_CASE("a fresh adapter: B is zero, A uniform within 1/sqrt(in), the same from the same seed") {
  const LayoutPtr layout = lora_layout({{"a", 64, 16}, {"b", 64, 16}}, 8);
  const ParameterSet one = initial_lora(layout, Seed(5)), two = initial_lora(layout, Seed(5)),
                     other = initial_lora(layout, Seed(6));
  CHECK(std::equal(one.bytes().begin(), one.bytes().end(), two.bytes().begin()));
  CHECK_FALSE(std::equal(one.bytes().begin(), one.bytes().end(), other.bytes().begin()));
  for (const ParameterEntry& entry : layout->entries()) {
    CAPTURE(entry.name);
    const auto values = one.values(entry);
    if (entry.name.ends_with("lora_B.weight")) {
      for (const float v : values) CHECK(v == 0.0F);
      continue;
    }
    double sum = 0, squares = 0;
    for (const float v : values) {
      CHECK(std::abs(v) <= 0.125F);
      sum += static_cast<double>(v);
      squares += static_cast<double>(v) * static_cast<double>(v);
    }
    const double n = static_cast<double>(values.size());
    CHECK(std::abs(sum / n) < 0.02);
    CHECK(squares / n == doctest::Approx(0.125 * 0.125 / 3).epsilon(0.15));
  }
  const auto a = one.values(*layout->find(lora_a_name("a"))),
             b = one.values(*layout->find(lora_a_name("b")));
  CHECK_FALSE(std::equal(a.begin(), a.end(), b.begin()));
}
