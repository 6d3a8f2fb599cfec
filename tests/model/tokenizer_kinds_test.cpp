#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/rng.h"
#include "model/tokenizer.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using nlohmann::json;

namespace {

/// A tokenizer whose vocabulary is a handful of characters: what comes out shows what the other stages
/// did.
json small_tokenizer() {
  json vocab = {{"<unk>", 0}, {"a", 1}, {"b", 2}, {"ab", 3},   {" ", 4},
                {"▁", 5},     {".", 6}, {"1", 7}, {"abab", 8}, {"▁a", 9}};
  return {{"added_tokens", json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", nullptr},
          {"post_processor", nullptr},
          {"decoder", {{"type", "Fuse"}}},
          {"model",
           {{"type", "BPE"},
            {"unk_token", "<unk>"},
            {"vocab", vocab},
            {"merges", {"a b", {"ab", "ab"}, "▁ a"}}}}};
}

Tokenizer load(const json& document, const std::string& config = "") {
  const test::TempDir dir;  // plain streams: thousands of synced writes would take a minute
  std::ofstream(dir / "tokenizer.json") << document.dump();
  if (!config.empty()) std::ofstream(dir / "tokenizer_config.json") << config;
  return Tokenizer::load(dir.path());
}

using Ids = std::vector<TokenId>;

Ids encode_with(const char* key, const json& value, std::string_view text) {
  json document = small_tokenizer();
  document[key] = value;
  return load(document).encode(text);
}

std::string refusal(const json& document) {
  try {
    load(document);
  } catch (const IoError& e) {
    return e.what();
  }
  return "";
}

json added(TokenId id, const char* content, json options = json::object()) {
  json token = {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"special", true}};
  token.update(options);
  return token;
}

}  // namespace

TEST_CASE("tokenizer: merges are strings or pairs, joined by rank, leftmost first") {
  const Tokenizer t = load(small_tokenizer());
  CHECK(t.encode("abab") == Ids{8});
  CHECK(t.encode("ababab") == Ids{8, 3});
  CHECK(t.encode("aab") == Ids{1, 3});
  CHECK(t.encode("a?b") == Ids{1, 0, 2});
  CHECK(t.vocab_size() == 10);
  CHECK(t.id_of("zebra") == -1);
}

TEST_CASE("tokenizer: normalizers") {
  CHECK(encode_with("normalizer", {{"type", "Lowercase"}}, "AB") == Ids{3});
  CHECK(encode_with("normalizer", {{"type", "Strip"}, {"strip_left", true}, {"strip_right", false}},
                    " a ") == Ids{1, 4});
  CHECK(encode_with("normalizer", {{"type", "Prepend"}, {"prepend", "▁"}}, "a") == Ids{9});
  CHECK(encode_with("normalizer", {{"type", "Prepend"}, {"prepend", "▁"}}, "") == Ids{});
  CHECK(encode_with("normalizer",
                    {{"type", "Replace"}, {"pattern", {{"Regex", "x+"}}}, {"content", "b"}},
                    "axxx") == Ids{3});
  CHECK(encode_with("normalizer", {{"type", "NFKC"}}, "ａｂ") == Ids{3});
}

TEST_CASE("tokenizer: pre-tokenizers") {
  const auto split = [](const char* behavior, bool invert) -> json {
    return {
        {"type", "Split"}, {"pattern", {{"String", "."}}}, {"behavior", behavior}, {"invert", invert}};
  };
  CHECK(encode_with("pre_tokenizer", split("Isolated", false), "ab.ab") == Ids{3, 6, 3});
  CHECK(encode_with("pre_tokenizer", split("Removed", false), "ab.ab") == Ids{3, 3});
  CHECK(encode_with("pre_tokenizer", split("Removed", true), "ab.ab") == Ids{6});
  CHECK(encode_with("pre_tokenizer", {{"type", "WhitespaceSplit"}}, " ab  ab ") == Ids{3, 3});
  CHECK(encode_with("pre_tokenizer", {{"type", "Whitespace"}}, "ab.. a") == Ids{3, 6, 6, 1});
  CHECK(encode_with("pre_tokenizer", {{"type", "Metaspace"}, {"prepend_scheme", "always"}}, "a a") ==
        Ids{9, 9});
  CHECK(encode_with("pre_tokenizer", {{"type", "Metaspace"}, {"prepend_scheme", "never"}}, "a a") ==
        Ids{1, 9});
}

TEST_CASE(
    "tokenizer: added tokens: longest first, whole words, swallowed space, refused in untrusted text") {
  json document = small_tokenizer();
  document["added_tokens"] = {added(10, "<a>"),
                              added(11, "<a><b>"),
                              added(12, "<l>", {{"lstrip", true}}),
                              added(13, "<r>", {{"rstrip", true}}),
                              added(14, "ba", {{"single_word", true}}),
                              added(15, "<t>", {{"special", false}})};
  const Tokenizer t =
      load(document, R"({"bos_token": null, "eos_token": {"content": "<a>"}, "pad_token": "<l>"})");
  CHECK(t.encode("a<a><b>b") == Ids{1, 11, 2});
  CHECK(t.encode("a  <l> b") == Ids{1, 12, 4, 2});
  CHECK(t.encode("a <r>  b") == Ids{1, 4, 13, 2});
  CHECK(t.encode("ba.aba") == Ids{14, 6, 3, 1});
  CHECK(t.encode("<a>", {.match_special = false}) == Ids{0, 1, 0});
  CHECK(t.encode("<t>", {.match_special = false}) == Ids{15});
  CHECK(t.decode({1, 10, 2}, true) == "ab");
  CHECK(t.decode({1, 10, 2, 999, -5}, false) == "a<a>b");
  CHECK(t.bos() == -1);
  CHECK(t.eos() == Ids{10});
  CHECK(t.pad() == 12);
}

TEST_CASE("tokenizer: added tokens that are normalized match in their normalized form") {
  json document = small_tokenizer();
  document["normalizer"] = {{"type", "Lowercase"}};
  document["added_tokens"] = {added(10, "Ba", {{"normalized", true}, {"special", false}}),
                              added(11, "<A>")};
  const Tokenizer t = load(document);
  CHECK(t.encode("aBAb") == Ids{1, 10, 2});
  CHECK(t.encode("<A><a>") == Ids{11, 0, 1, 0});
}

TEST_CASE("tokenizer: bytes stand in for unknown characters, unknown ones fuse when told to") {
  json document = small_tokenizer();
  CHECK(load(document).encode("a??é") == Ids{1, 0, 0, 0});
  document["model"]["fuse_unk"] = true;
  CHECK(load(document).encode("a??éa?") == Ids{1, 0, 1, 0});
  document["model"]["byte_fallback"] = true;
  document["model"]["vocab"]["<0xC3>"] = 10;
  document["model"]["vocab"]["<0xA9>"] = 11;
  CHECK(load(document).encode("?é?è") == Ids{0, 10, 11, 0});  // è lacks a byte: unknown as a whole
  document["model"].erase("unk_token");
  CHECK(load(document).encode("?é?a") == Ids{10, 11, 1});
}

TEST_CASE("tokenizer: trusted parts of untrusted text") {
  json document = small_tokenizer();
  document["added_tokens"] = {added(10, "<a>"), added(11, "<b>", {{"normalized", true}})};
  const Tokenizer t = load(document);
  const std::string text = "<a>b<a><b>b<b>";
  const auto encode = [&](std::vector<Span> trusted) {
    return t.encode(text, {.match_special = false, .trusted = trusted});
  };
  CHECK(encode({{0, text.size()}}) == t.encode(text));
  CHECK(t.encode(text) == Ids{10, 2, 10, 11, 2, 11});
  CHECK(encode({{4, 10}}) == Ids{0, 1, 0, 2, 10, 11, 2, 0, 2, 0});
  CHECK(encode({{4, 7}, {7, 10}}) == encode({{4, 10}}));
  CHECK(encode({{5, 10}}) == Ids{0, 1, 0, 2, 0, 1, 0, 11, 2, 0, 2, 0});  // half a token is none
}

TEST_CASE("tokenizer: templates put tokens around the text only when asked") {
  json document = small_tokenizer();
  document["post_processor"] = {{"type", "TemplateProcessing"},
                                {"single",
                                 {{{"SpecialToken", {{"id", "<s>"}}}},
                                  {{"Sequence", {{"id", "A"}}}},
                                  {{"SpecialToken", {{"id", "<s>"}}}}}},
                                {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {0}}}}}}};
  const Tokenizer t = load(document);
  CHECK(t.encode("ab") == Ids{0, 3, 0});
  CHECK(t.encode("ab", {.add_special = false}) == Ids{3});
}

TEST_CASE("tokenizer: ignore_merges takes a whole word, but never a special token") {
  json document = small_tokenizer();
  document["model"]["ignore_merges"] = true;
  document["model"]["vocab"]["bb"] = 10;
  document["added_tokens"] = json::array({added(8, "abab")});
  const Tokenizer t = load(document);
  CHECK(t.encode("bb") == Ids{10});
  CHECK(t.encode("abab") == Ids{8});
  document["model"]["merges"] = {"a b"};
  CHECK(load(document).encode("abab", {.match_special = false}) == Ids{3, 3});
}

TEST_CASE("tokenizer: what is not supported or malformed is refused by name") {
  const auto with = [](const char* pointer, const json& value) {
    json document = small_tokenizer();
    document[json::json_pointer(pointer)] = value;
    return refusal(document);
  };
  CHECK(with("/model/type", "Unigram")
            .find("tokenizer.json: model: model type 'Unigram' is not supported") != std::string::npos);
  CHECK(with("/normalizer", {{"type", "Sequence"}, {"normalizers", {{{"type", "Precompiled"}}}}})
            .find("normalizer.normalizers[0]: normalizer 'Precompiled'") != std::string::npos);
  CHECK(with("/pre_tokenizer", {{"type", "BertPreTokenizer"}})
            .find("'BertPreTokenizer' is not supported") != std::string::npos);
  CHECK(with("/post_processor", {{"type", "RobertaProcessing"}})
            .find("'RobertaProcessing' is not supported") != std::string::npos);
  CHECK(with("/decoder", {{"type", "CTC"}}).find("'CTC' is not supported") != std::string::npos);
  CHECK(with("/model/continuing_subword_prefix", "##").find("continuing_subword_prefix") !=
        std::string::npos);
  CHECK(with("/model/merges", {"a z"}).find("merges[0]") != std::string::npos);
  CHECK(with("/model/vocab/a", -1).find("'a'") != std::string::npos);
  CHECK(with("/model/vocab/a", 2000000000).find("too large") != std::string::npos);
  CHECK(with("/model/unk_token", "nope").find("unk_token") != std::string::npos);
  CHECK(with("/pre_tokenizer",
             {{"type", "Split"}, {"pattern", {{"Regex", "(("}}}, {"behavior", "Isolated"}})
            .find("does not compile") != std::string::npos);
  CHECK(with("/pre_tokenizer",
             {{"type", "Split"}, {"pattern", {{"Regex", "[a&&[b]]"}}}, {"behavior", "Isolated"}})
            .find("&&") != std::string::npos);
  CHECK(with("/pre_tokenizer", 7) != "");
  CHECK_THROWS_AS(Tokenizer::load("/nonexistent"), IoError);
}

TEST_CASE("tokenizer: a document that is one word is encoded in O(n log n)") {
  const Tokenizer t = load(small_tokenizer());
  std::string text;
  while (text.size() < (1u << 20)) text += "ab";
  const Ids ids = t.encode(text);  // a quadratic one would take hours
  CHECK(ids == Ids((1u << 20) / 4, 8));
}

TEST_CASE("tokenizer: a damaged document is refused or loaded, never worse") {
  json whole = small_tokenizer();
  whole["added_tokens"] = {added(0, "<unk>"), added(10, "<a>", {{"normalized", true}})};
  whole["normalizer"] = {{"type", "Sequence"},
                         {"normalizers", {{{"type", "NFC"}}, {{"type", "Prepend"}, {"prepend", "▁"}}}}};
  whole["pre_tokenizer"] = {
      {"type", "Split"}, {"pattern", {{"Regex", "a+|b"}}}, {"behavior", "Isolated"}, {"invert", false}};
  whole["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single", {{{"SpecialToken", {{"id", "s"}}}}, {{"Sequence", {{"id", "A"}}}}}},
      {"special_tokens", {{"s", {{"ids", {0}}}}}}};
  whole["decoder"] = {
      {"type", "Sequence"},
      {"decoders", {{{"type", "ByteFallback"}}, {{"type", "Strip"}, {"content", " "}, {"start", 1}}}}};
  const json flat = whole.flatten();
  const std::vector<json> replacements = {nullptr,
                                          -1,
                                          7,
                                          2000000000,
                                          1e300,
                                          true,
                                          "",
                                          "a",
                                          json::array(),
                                          json::object(),
                                          json::array({1, "x"})};
  std::size_t refused = 0, loaded = 0;
  for (const auto& [pointer, value] : flat.items())
    for (json::json_pointer at(pointer); !at.empty(); at = at.parent_pointer())
      for (const json& replacement : replacements) {
        json damaged = whole;
        damaged[at] = replacement;
        CAPTURE(at.to_string());
        try {
          const Tokenizer t = load(damaged);
          for (const TokenId id : t.encode("ab <a>.\xFF"))
            CHECK(static_cast<std::size_t>(id) < t.vocab_size());
          t.decode({0, 1, 3, 10});
          ++loaded;
        } catch (const IoError&) {
          ++refused;
        }
      }
  CHECK(refused > 100);
  CHECK(loaded > 20);
}

TEST_CASE("tokenizer: special ids come from the three configurations, and only known ones") {
  const test::TempDir dir;
  write_file_atomically(dir / "tokenizer.json", small_tokenizer().dump());
  write_file_atomically(dir / "generation_config.json",
                        R"({"eos_token_id": [6, 7, 999], "bos_token_id": 1})");
  write_file_atomically(dir / "config.json",
                        R"({"eos_token_id": 7, "bos_token_id": 2, "pad_token_id": 4000})");
  const Tokenizer without = Tokenizer::load(dir.path());
  CHECK(without.eos() == Ids{6, 7});
  CHECK(without.stop() == Ids{6, 7});
  CHECK(without.bos() == 1);
  CHECK(without.pad() == 6);
  write_file_atomically(dir / "tokenizer_config.json",
                        R"({"eos_token": "a", "bos_token": null, "pad_token": "nowhere"})");
  const Tokenizer with = Tokenizer::load(dir.path());
  CHECK(with.eos() == Ids{1, 6, 7});
  CHECK(with.stop() == Ids{6, 7});
  CHECK(with.bos() == -1);
  CHECK(with.pad() == 1);
  write_file_atomically(dir / "tokenizer_config.json", "[1]");
  CHECK_THROWS_AS(Tokenizer::load(dir.path()), IoError);
}
