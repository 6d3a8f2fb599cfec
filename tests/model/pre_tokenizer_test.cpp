#include "model/pre_tokenizer.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace fennec;
using nlohmann::json;

namespace {

using Words = std::vector<std::string>;

Words split(const json& node, const std::string& text, bool at_start = true) {
  Words words;
  for (const Piece& piece : make_pre_tokenizer(JsonNode(node, "test"))({{text, at_start}}))
    words.push_back(piece.text);
  return words;
}

json split_on(const char* behavior, bool invert = false) {
  return {
      {"type", "Split"}, {"pattern", {{"String", "-"}}}, {"behavior", behavior}, {"invert", invert}};
}

}  // namespace

TEST_CASE("pre_tokenizer: the five behaviours, as the tokenizers library documents them") {
  const std::string text = "the-final--countdown";
  CHECK(split(split_on("Removed"), text) == Words{"the", "final", "countdown"});
  CHECK(split(split_on("Isolated"), text) == Words{"the", "-", "final", "-", "-", "countdown"});
  CHECK(split(split_on("MergedWithPrevious"), text) == Words{"the-", "final-", "-", "countdown"});
  CHECK(split(split_on("MergedWithNext"), text) == Words{"the", "-final", "-", "-countdown"});
  CHECK(split(split_on("Contiguous"), text) == Words{"the", "-", "final", "--", "countdown"});
  CHECK(split(split_on("Removed", true), text) == Words{"-", "-", "-"});
  CHECK(split(split_on("MergedWithNext", true), text) == Words{"the-", "final-", "-", "countdown"});
}

TEST_CASE("pre_tokenizer: digits of every script, alone or in runs") {
  const json single = {{"type", "Digits"}, {"individual_digits", true}};
  const json runs = {{"type", "Digits"}, {"individual_digits", false}};
  CHECK(split(single, "Call 911!") == Words{"Call ", "9", "1", "1", "!"});
  CHECK(split(runs, "Call 911!") == Words{"Call ", "911", "!"});
  CHECK(split(single, "a½٣b") == Words{"a", "½", "٣", "b"});
}

TEST_CASE("pre_tokenizer: punctuation is ASCII's and category P") {
  const json isolated = {{"type", "Punctuation"}};
  CHECK(split(isolated, "Hey, you?!") == Words{"Hey", ",", " you", "?", "!"});
  CHECK(split(isolated, "a+b$c") == Words{"a", "+", "b", "$", "c"});
  CHECK(split(isolated, "ça「va」€") == Words{"ça", "「", "va", "」", "€"});
  CHECK(split({{"type", "Punctuation"}, {"behavior", "Contiguous"}}, "Hey?!") == Words{"Hey", "?!"});
}

TEST_CASE("pre_tokenizer: metaspace schemes") {
  const auto metaspace = [](const char* scheme, bool cut = true) -> json {
    return {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", scheme}, {"split", cut}};
  };
  CHECK(split(metaspace("always"), "Hey   friend!") == Words{"▁Hey", "▁", "▁", "▁friend!"});
  CHECK(split(metaspace("always"), " Hey") == Words{"▁Hey"});
  CHECK(split(metaspace("always", false), "Hey you") == Words{"▁Hey▁you"});
  CHECK(split(metaspace("first"), "Hey you", true) == Words{"▁Hey", "▁you"});
  CHECK(split(metaspace("first"), "Hey you", false) == Words{"Hey", "▁you"});
  CHECK(split(metaspace("never"), "Hey you") == Words{"Hey", "▁you"});
  CHECK(split({{"type", "Metaspace"}, {"add_prefix_space", false}}, "Hey you") == Words{"Hey", "▁you"});
}

TEST_CASE("pre_tokenizer: byte level, and sequences as StarCoder and Falcon have them") {
  const json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  CHECK(split(bytes, "Hello my friend, it's 12.") ==
        Words{"Hello", "Ġmy", "Ġfriend", ",", "Ġit", "'s", "Ġ12", "."});
  CHECK(split({{"type", "ByteLevel"}, {"add_prefix_space", true}}, "é") == Words{"ĠÃ©"});
  const json digits = {{"type", "Digits"}, {"individual_digits", true}};
  CHECK(split({{"type", "Sequence"}, {"pretokenizers", {digits, bytes}}}, "a 12") ==
        Words{"a", "Ġ", "1", "2"});
  const json falcon = {
      {"type", "Sequence"},
      {"pretokenizers",
       {{{"type", "Punctuation"}, {"behavior", "Contiguous"}},
        {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}},
        {{"type", "Digits"}, {"individual_digits", false}},
        {{"type", "Split"}, {"pattern", {{"Regex", "[0-9][0-9][0-9]"}}}, {"behavior", "Isolated"}}}}};
  CHECK(split(falcon, "so 12345!!") == Words{"so", "Ġ", "123", "45", "!!"});
}
