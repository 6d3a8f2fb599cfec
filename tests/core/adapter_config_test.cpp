#include <doctest/doctest.h>

#include "core/error.h"
#include "core/peft_config.h"
#include "core/rng.h"

using namespace fennec;

namespace {

std::string refusal(const std::string& json) {
  try {
    parse_adapter_config(json, "f");
  } catch (const IoError& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("adapter_config.json of (IA)3 is read and printed in PEFT's words") {
  const PeftConfig config = parse_adapter_config(
      R"({"peft_type": "IA3", "target_modules": ["k_proj", "down_proj"],
          "feedforward_modules": ["down_proj"], "base_model_name_or_path": "x"})",
      "f");
  CHECK(config.type == PeftType::kIa3);
  CHECK(config.feedforward_modules == std::vector<std::string>{"down_proj"});
  const std::string printed = to_adapter_config_json(config);
  CHECK(printed.find("\"peft_type\": \"IA3\"") != std::string::npos);
  CHECK(printed.find("lora_alpha") == std::string::npos);
  CHECK(to_adapter_config_json(parse_adapter_config(printed, "again")) == printed);
}

TEST_CASE("layers are one number or several") {
  const auto layers = [](const std::string& value) {
    return parse_adapter_config(R"({"peft_type": "LORA", "layers_to_transform": )" + value + "}", "f")
        .layers_to_transform;
  };
  CHECK(layers("null").empty());
  CHECK(layers("3") == std::vector<int>{3});
  CHECK(layers("[0, 2]") == std::vector<int>{0, 2});
  CHECK(refusal(R"({"peft_type": "LORA", "layers_to_transform": [-1]})") ==
        "f: layers_to_transform must be layer numbers");
}

TEST_CASE("what adapter_config.json must not say is refused with file and key") {
  CHECK(refusal("[]") == "f: not a JSON object");
  CHECK(refusal("{}") == "f: peft_type is '', only LORA and IA3 can be read");
  CHECK(refusal(R"({"peft_type": "LORA", "r": 0})") == "f: r must be a positive integer");
  CHECK(refusal(R"({"peft_type": "LORA", "r": 1e9})") == "f: r must be a positive integer");
  CHECK(refusal(R"({"peft_type": "LORA", "rank_pattern": {"q": 2.5}})") ==
        "f: rank_pattern: 'q' must be a positive integer");
  CHECK(refusal(R"({"peft_type": "LORA", "alpha_pattern": {"(": 2}})") ==
        "f: alpha_pattern: '(' is not a regular expression");
  CHECK(refusal(R"({"peft_type": "LORA", "target_modules": "["})") ==
        "f: target_modules: '[' is not a regular expression");
}

TEST_CASE("a damaged adapter_config.json is refused or prints as what it was read as") {
  const std::string good =
      R"({"peft_type": "LORA", "r": 4, "lora_alpha": 6.5, "use_rslora": true, "bias": "none",
          "target_modules": ["q_proj"], "rank_pattern": {"a.b": 2, "c": 3}, "alpha_pattern": {},
          "modules_to_save": ["lm_head"], "layers_to_transform": [1, 2]})";
  RandomStream random(Seed(11));
  int accepted = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string text = good;
    for (std::uint64_t k = 0; k <= random.below(3); ++k) {
      const std::size_t at = random.below(text.size());
      if (random.below(2) == 0)
        text[at] = static_cast<char>(random.below(256));
      else
        text.erase(at, 1 + random.below(3));
    }
    try {
      const std::string printed = to_adapter_config_json(parse_adapter_config(text, "f"));
      CHECK(to_adapter_config_json(parse_adapter_config(printed, "again")) == printed);
      ++accepted;
    } catch (const IoError&) {  // what a damaged file must become, and nothing else
    }
  }
  CHECK(accepted > 100);
}
