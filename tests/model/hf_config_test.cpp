#include "model/hf_config.h"

#include "core/error.h"
#include "model/decoder_config.h"
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
                      .rope({});
  const auto v5 =
      parse(
          R"({"max_position_embeddings": 4096.0, "rope_parameters": {"rope_type": "llama3", "rope_theta": 500000.0,
    "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4, "original_max_position_embeddings": 512}, "rope_scaling": null})")
          .rope({});
  for (const RopeConfig& rope : {v4, v5}) {
    CHECK(rope.type == "llama3");
    CHECK(rope.theta == 500000);
    CHECK(rope.factor == 8);
    CHECK(rope.original_max_positions == 512);
    CHECK(rope.max_positions == 4096);
  }
  const auto plain =
      parse(R"({"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}})").rope({});
  CHECK(plain.type == "default");
  CHECK(plain.theta == 1e6);
}

TEST_CASE("hf config: rope that cannot be followed is refused") {
  const auto refusal = [](const char* text) -> std::string {
    try {
      parse(text).rope({});
    } catch (const IoError& e) {
      return e.what();
    }
    return "";
  };
  const auto says = [&](const char* text, const char* part) {
    const std::string message = refusal(text);
    CAPTURE(message);
    CHECK(message.find(part) != std::string::npos);
  };
  says(R"({"rope_scaling": {"rope_type": "longrope", "factor": 2}})",
       "'longrope'; supported: default, linear, dynamic, llama3, yarn");
  says(R"({"rope_scaling": {"type": "linear"}})", "rope_scaling: key 'factor' is missing");
  says(R"({"rope_parameters": {"full_attention": {"rope_theta": 1e6}}})", "differs by kind of layer");
  says(R"({"rope_theta": 0.5})", "'rope_theta'");
  says(R"({"partial_rotary_factor": 1.5})", "partial_rotary_factor");
  CHECK(refusal(R"({"rope_scaling": {"type": "yarn", "original_max_position_embeddings": 512}})")
            .empty());
}

TEST_CASE("hf config: scaled positions make the context longer") {
  const auto length = [](const char* text) { return context_length(parse(text).rope({})); };
  CHECK(length(R"({"max_position_embeddings": 100})") == 100);
  CHECK(
      length(
          R"({"max_position_embeddings": 100, "rope_scaling": {"type": "dynamic", "factor": 2.5}})") ==
      250);
  CHECK(
      length(R"({"max_position_embeddings": 100, "rope_scaling": {"type": "linear", "factor": 4}})") ==
      400);
  CHECK(length(R"({"max_position_embeddings": 100, "rope_scaling": {"type": "yarn", "factor": 4,
                   "original_max_position_embeddings": 100}})") == 400);
  CHECK(length(R"({"max_position_embeddings": 400, "rope_scaling": {"type": "yarn", "factor": 4,
                   "original_max_position_embeddings": 100}})") == 400);
}

TEST_CASE("hf config: the family is model_type, or follows from the architecture") {
  const auto family = [](const char* text) { return std::string(parse(text).family().model_type); };
  CHECK(family(R"({"model_type": "llama", "architectures": ["X"]})") == "llama");
  CHECK(family(R"({"architectures": ["LlamaForCausalLM"]})") == "llama");
  CHECK(family(R"({"model_type": null, "architectures": ["GPT2LMHeadModel"]})") == "gpt2");
  for (const char* text : {"{}", R"({"model_type": 7})", R"({"architectures": []})",
                           R"({"architectures": "LlamaForCausalLM2"})"})
    CHECK_THROWS_AS(family(text), IoError);
}

TEST_CASE("hf config: Llama defaults are Hugging Face's; null key-value heads are as many as heads") {
  const auto c = read_decoder_config(
      parse(R"({"hidden_size": 2048, "num_attention_heads": 16, "num_key_value_heads": null})"), {});
  CHECK(c.num_kv_heads == 16);
  CHECK(c.head_dim == 128);
  CHECK(c.vocab_size == 32000);
  CHECK(c.rms_norm_eps == 1e-6);
  CHECK(c.rope.theta == 10000);
  CHECK_FALSE(c.tied_head);
  CHECK_FALSE(c.attention_bias);
  DecoderConfig grouped;
  grouped.num_kv_heads = 8;
  CHECK(read_decoder_config(parse("{}"), grouped).num_kv_heads == 8);
  CHECK(read_decoder_config(parse(R"({"num_key_value_heads": null})"), grouped).num_kv_heads == 32);
}

TEST_CASE("hf config: a sliding window only where it is used, by number or by type of layer") {
  const auto layers = [](const std::string& more) {
    const std::string text = R"({"num_hidden_layers": 3, "sliding_window": 7)" + more + "}";
    const auto config = parse(text.c_str());
    DecoderConfig c = read_decoder_config(config, {});
    read_window_by_layer(config, c);
    std::string slides = std::to_string(c.sliding_window) + ":";
    for (const bool layer : c.sliding_layers) slides += layer ? "s" : "f";
    return slides;
  };
  CHECK(layers("") == "0:");
  CHECK(layers(R"(, "use_sliding_window": false, "layer_types": null)") == "0:");
  CHECK(layers(R"(, "use_sliding_window": true, "max_window_layers": 1)") == "7:fss");
  CHECK(layers(R"(, "use_sliding_window": true)") == "7:fff");
  CHECK(layers(R"(, "use_sliding_window": true, "max_window_layers": 0,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"])") == "7:sfs");
  for (const char* types :
       {R"(["full_attention"])", R"(["full_attention", "full_attention", "linear"])", "7",
        R"(["full_attention", "full_attention", 1])"})
    CHECK_THROWS_AS(layers(R"(, "use_sliding_window": true, "layer_types": )" + std::string(types)),
                    IoError);
}
