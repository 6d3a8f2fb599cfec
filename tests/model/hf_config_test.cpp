#include "model/hf_config.h"

#include "core/error.h"
#include "model/llama_config.h"
#include "tests/support/doctest_torch.h"

namespace {

using namespace fennec;

HfConfig parse(const char* text) { return HfConfig::parse(text, "dir/config.json"); }

}  // namespace

TEST_CASE("hf config: null is absent, whole numbers may be floats and the reverse") {
  const auto config = parse(R"({"a": null, "b": 7.0, "c": 3, "d": 1e-05, "e": true})");
  CHECK_FALSE(config.has("a"));
  CHECK(config.integer("a", 5) == 5);
  CHECK(config.integer("b", 0) == 7);
  CHECK(config.number("c", 0) == 3.0);
  CHECK(config.number("d", 0) == 1e-5);
  CHECK(config.flag("e", false));
  CHECK_THROWS_WITH_AS(config.integer("d", 0),
                       "dir/config.json: key 'd' must be a whole number, is 1e-05", IoError);
  CHECK_THROWS_AS(config.flag("c", false), IoError);
  CHECK_THROWS_AS(config.text("c", ""), IoError);
  CHECK_THROWS_AS(parse("[1]"), IoError);
  CHECK_THROWS_AS(parse("{"), IoError);
}

TEST_CASE("hf config: version 4 and version 5 spellings of rope agree") {
  const auto v4 = parse(R"({"rope_theta": 500000, "max_position_embeddings": 4096, "rope_scaling":
    {"type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4.0, "original_max_position_embeddings": 512}})")
                      .rope();
  const auto v5 =
      parse(
          R"({"max_position_embeddings": 4096.0, "rope_parameters": {"rope_type": "llama3", "rope_theta": 500000.0,
    "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4, "original_max_position_embeddings": 512}, "rope_scaling": null})")
          .rope();
  for (const RopeConfig& rope : {v4, v5}) {
    CHECK(rope.type == "llama3");
    CHECK(rope.theta == 500000);
    CHECK(rope.factor == 8);
    CHECK(rope.original_max_positions == 512);
    CHECK(rope.max_positions == 4096);
  }
  const auto plain =
      parse(R"({"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}})").rope();
  CHECK(plain.type == "default");
  CHECK(plain.theta == 1e6);
}

TEST_CASE("hf config: the family is model_type, or follows from the architecture") {
  CHECK(parse(R"({"model_type": "llama", "architectures": ["X"]})").family() == "llama");
  CHECK(parse(R"({"architectures": ["LlamaForCausalLM"]})").family() == "llama");
  CHECK(parse(R"({"model_type": null, "architectures": ["GPT2LMHeadModel"]})").family() == "gpt2");
  CHECK_THROWS_AS(parse("{}").family(), IoError);
}

TEST_CASE("hf config: Llama defaults are Hugging Face's") {
  const auto c = read_llama_config(
      parse(R"({"hidden_size": 2048, "num_attention_heads": 16, "num_key_value_heads": null})"));
  CHECK(c.num_kv_heads == 16);
  CHECK(c.head_dim == 128);
  CHECK(c.vocab_size == 32000);
  CHECK(c.rms_norm_eps == 1e-6);
  CHECK(c.rope.theta == 10000);
  CHECK_FALSE(c.tied_head);
  CHECK_FALSE(c.attention_bias);
}
