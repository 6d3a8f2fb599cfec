#include "core/peft_directory.h"

#include <doctest/doctest.h>

#include <fstream>
#include <limits>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/lora_layout.h"
#include "core/safetensors.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using fennec::test::shared;
using nlohmann::json;

namespace {

ParameterSet small_adapter() {
  return initial_lora(lora_layout({{"model.layers.0.self_attn.q_proj", 6, 4}}, 2), Seed(1));
}

PeftConfig small_config() {
  PeftConfig config;
  config.r = 2;
  config.lora_alpha = 4;
  config.base_model_name_or_path = "base";
  config.target_modules = {"q_proj"};
  return config;
}

void write_json(const std::filesystem::path& file, const json& value) {
  std::ofstream(file) << value.dump();
}

std::string refusal(const std::filesystem::path& dir) {
  try {
    read_peft_directory(dir);
  } catch (const IoError& e) {
    return e.what();
  }
  return "accepted";
}

void write_tensors(const std::filesystem::path& file, const ParameterSet& set) {
  write_file_atomically(file, write_safetensors(to_views(set)));
}

}  // namespace

TEST_CASE("adapters that PEFT wrote are read with their configuration") {
  FENNEC_NEEDS_SHARED("golden/llama-mha-untied");
  const auto base = shared("golden/llama-mha-untied");
  const PeftAdapter pattern = read_peft_directory(base / "adapter_pattern");
  CHECK(pattern.config.r == 4);
  CHECK(pattern.config.lora_alpha == 8);
  CHECK(pattern.config.rank_pattern.size() == 2);
  CHECK(pattern.config.rank_pattern[0] == std::pair<std::string, double>{"layers.1.mlp.down_proj", 6});
  CHECK(pattern.config.target_modules.size() == 7);
  CHECK(read_peft_directory(base / "adapter_rslora").config.use_rslora);
  CHECK(read_peft_directory(base / "adapter_dora").config.use_dora);
  CHECK(read_peft_directory(base / "adapter_save_head").config.modules_to_save ==
        std::vector<std::string>{"lm_head"});
  const PeftAdapter embed = read_peft_directory(base / "adapter_embed");
  CHECK(embed.tensors.layout()->find("base_model.model.model.embed_tokens.lora_embedding_A") !=
        nullptr);
  CHECK(embed.tensors.layout()->find("base_model.model.model.embed_tokens.base_layer.weight") ==
        nullptr);
  CHECK(read_peft_directory(shared("golden/gpt2") / "adapter_all").config.fan_in_fan_out);
}

TEST_CASE("what we write agrees with what PEFT writes, key by key") {
  FENNEC_NEEDS_SHARED("golden/llama-mha-untied");
  for (const char* name : {"llama-mha-untied/adapter_all", "llama-mha-untied/adapter_pattern",
                           "gpt2/adapter_all", "llama-mha-untied/adapter_save_head"}) {
    CAPTURE(std::string(name));
    const auto dir = shared(std::string("golden/") + name);
    const json golden = json::parse(read_text_file(dir / "adapter_config.json"));
    const PeftAdapter adapter = read_peft_directory(dir);
    const json ours = json::parse(to_adapter_config_json(adapter.config));
    for (const auto& item : ours.items()) {
      CAPTURE(item.key());
      REQUIRE(golden.contains(item.key()));
      CHECK(golden[item.key()] == item.value());
    }
    test::TempDir out;
    write_peft_directory(out / "a", adapter.config, adapter.tensors);
    const PeftAdapter back = read_peft_directory(out / "a");
    CHECK(*back.tensors.layout() == *adapter.tensors.layout());
    CHECK(std::equal(back.tensors.bytes().begin(), back.tensors.bytes().end(),
                     adapter.tensors.bytes().begin()));
    CHECK(Safetensors::open(out / "a" / "adapter_model.safetensors").metadata().at("format") == "pt");
  }
}

TEST_CASE("all keys PEFT has always known are written") {
  const json config = json::parse(to_adapter_config_json(small_config()));
  for (const char* key :
       {"peft_type", "task_type", "base_model_name_or_path", "r", "lora_alpha", "lora_dropout",
        "target_modules", "bias", "fan_in_fan_out", "inference_mode", "init_lora_weights",
        "modules_to_save", "rank_pattern", "alpha_pattern", "use_rslora", "use_dora",
        "layers_to_transform", "layers_pattern", "revision"}) {
    CAPTURE(std::string(key));
    CHECK(config.contains(key));
  }
  CHECK(config["lora_alpha"].is_number_integer());
}

TEST_CASE("a configuration we cannot honour is refused, with file and key") {
  test::TempDir dir;
  write_peft_directory(dir.path(), small_config(), small_adapter());
  const json good = json::parse(read_text_file(dir / "adapter_config.json"));
  CHECK(refusal(dir.path()) == "accepted");
  const auto with = [&](const char* key, const json& value) {
    json changed = good;
    changed[key] = value;
    write_json(dir / "adapter_config.json", changed);
    const std::string said = refusal(dir.path());
    CHECK(said.find("adapter_config.json") != std::string::npos);
    return said;
  };
  CHECK(with("peft_type", "LOHA").find("peft_type is 'LOHA'") != std::string::npos);
  CHECK(with("bias", "all").find("bias is 'all'") != std::string::npos);
  CHECK(with("lora_bias", true).find("lora_bias") != std::string::npos);
  CHECK(with("r", 0).find("r must be a positive integer") != std::string::npos);
  CHECK(with("r", 1.5).find("r must be a positive integer") != std::string::npos);
  CHECK(with("lora_alpha", "x").find("lora_alpha must be a number") != std::string::npos);
  CHECK(with("use_rslora", 1).find("use_rslora must be true or false") != std::string::npos);
  CHECK(with("target_modules", json::array({1})).find("target_modules must be a list of names") !=
        std::string::npos);
  CHECK(with("rank_pattern", json::array()).find("rank_pattern must map") != std::string::npos);
  std::ofstream(dir / "adapter_config.json") << "{";
  CHECK(refusal(dir.path()).find("adapter_config.json") != std::string::npos);
}

TEST_CASE("null means the default, and a string of target modules is a pattern") {
  test::TempDir dir;
  write_peft_directory(dir.path(), small_config(), small_adapter());
  json config = json::parse(read_text_file(dir / "adapter_config.json"));
  config["target_modules"] = ".*q_proj";
  config["bias"] = nullptr;
  config["lora_alpha"] = 4.5;
  write_json(dir / "adapter_config.json", config);
  const PeftAdapter adapter = read_peft_directory(dir.path());
  CHECK(adapter.config.target_regex == ".*q_proj");
  CHECK(adapter.config.lora_alpha == 4.5);
  CHECK(json::parse(to_adapter_config_json(adapter.config))["target_modules"] == ".*q_proj");
}

TEST_CASE("broken tensors are refused, with the tensor's name") {
  test::TempDir dir;
  write_peft_directory(dir.path(), small_config(), small_adapter());
  const auto weights = dir / "adapter_model.safetensors";
  const std::string a = lora_a_name("m"), b = lora_b_name("m");
  const auto with = [&](std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors) {
    write_tensors(weights, ParameterSet(std::make_shared<const ParameterLayout>(std::move(tensors))));
    return refusal(dir.path());
  };
  CHECK(with({{a, {2, 6}}, {b, {4, 2}}}) == "accepted");
  CHECK(with({{a, {2, 6}}}).find("'" + a + "' has no partner '" + b + "'") != std::string::npos);
  CHECK(with({{b, {4, 2}}}).find("'" + b + "' has no partner '" + a + "'") != std::string::npos);
  CHECK(with({{a, {2, 6}}, {b, {4, 3}}}).find("disagree on the rank") != std::string::npos);
  CHECK(with({{a, {3, 6}}, {b, {4, 3}}}).find("has rank 3, but r is 2") != std::string::npos);
  CHECK(with({{a, {12}}, {b, {4, 2}}}).find("is not a matrix") != std::string::npos);
  CHECK(with({{"x", {2}}}).find("'x' is none of a LoRA, DoRA or (IA)3 adapter") != std::string::npos);
  CHECK(with({}).find("no adapter tensors") != std::string::npos);
  CHECK(with({{a, {2, 6}}, {b, {4, 2}}, {"base_model.model.m.lora_magnitude_vector", {4}}})
            .find("although use_dora is false") != std::string::npos);
  CHECK(with({{"base_model.model.m.lora_magnitude_vector", {4}}}).find("has no LoRA beside it") !=
        std::string::npos);
  CHECK(with({{"base_model.model.m.ia3_l", {4, 1}}}).find("another kind than peft_type says (LORA)") !=
        std::string::npos);
  CHECK(with({{"base_model.model.m.ia3_l", {4, 2}}}).find("is neither [out, 1] nor [1, in]") !=
        std::string::npos);
  CHECK(with({{a, {2, 6}}, {b, {4, 2}}, {"base_model.model.m.lora_B.bias", {4}}}).find("lora_bias") !=
        std::string::npos);
  ParameterSet bad = small_adapter();
  bad.values()[3] = std::numeric_limits<float>::quiet_NaN();
  write_tensors(weights, bad);
  CHECK(refusal(dir.path()).find("NaN or Inf") != std::string::npos);
  const std::vector<std::byte> ints(4 * 12);
  write_file_atomically(weights, write_safetensors({{a, Dtype::kI32, {2, 6}, ints}}));
  CHECK(refusal(dir.path()).find("'" + a + "'") != std::string::npos);
  std::filesystem::remove(weights);
  CHECK(refusal(dir.path()).find("adapter_model.safetensors") != std::string::npos);
}

TEST_CASE("arrange puts tensors in the order of a layout, and refuses what does not fit") {
  const ParameterSet adapter = small_adapter();
  const auto& entries = adapter.layout()->entries();
  const auto reversed = std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{
          {entries[1].name, entries[1].shape}, {entries[0].name, entries[0].shape}});
  const ParameterSet turned = arrange(adapter, reversed, "x");
  CHECK(turned.values()[entries[1].size] == adapter.values()[0]);
  const ParameterSet back = arrange(turned, adapter.layout(), "x");
  CHECK(std::equal(back.bytes().begin(), back.bytes().end(), adapter.bytes().begin()));
  CHECK_THROWS_AS(arrange(adapter, lora_layout({{"other", 6, 4}}, 2), "x"), IoError);
  CHECK_THROWS_AS(arrange(adapter, lora_layout({{"model.layers.0.self_attn.q_proj", 7, 4}}, 2), "x"),
                  IoError);
  CHECK_THROWS_AS(arrange(adapter, lora_layout({{"a", 6, 4}, {"b", 6, 4}}, 2), "x"), IoError);
}
