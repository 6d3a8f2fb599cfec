#include "model/word_pattern.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/rng.h"
#include "model/text_pattern.h"

using namespace fennec;

namespace {

const char* const kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const char* const kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

std::string random_text(RandomStream& random) {
  static const std::vector<std::string> kParts = {" ",
                                                  "\n",
                                                  "\r",
                                                  "\t",
                                                  "'",
                                                  "s",
                                                  "S",
                                                  "t",
                                                  "l",
                                                  "L",
                                                  "ſ",
                                                  "re",
                                                  "VE",
                                                  "a",
                                                  "B",
                                                  "9",
                                                  "٣",
                                                  "½",
                                                  ".",
                                                  ",!",
                                                  "é",
                                                  "e\xCC\x81",
                                                  "中",
                                                  "\xC2\xA0",
                                                  "\xE3\x80\x80",
                                                  "\xE1\xA0\x8E",
                                                  "-",
                                                  "_",
                                                  "😀",
                                                  "  "};
  std::string out;
  for (std::size_t n = 1 + random.below(14); n > 0; --n) out += kParts[random.below(kParts.size())];
  return out;
}

}  // namespace

TEST_CASE("word_pattern: the hand-written matcher equals the regex engine") {
  for (const std::string& regex :
       {std::string(kGpt2Regex), std::string(kLlama3), std::string(kQwen2)}) {
    CAPTURE(regex);
    const auto ours = make_word_pattern(regex);
    REQUIRE(ours);
    // A group around it changes the spelling, not the meaning: make_pattern then takes PCRE2.
    const nlohmann::json node = {{"Regex", "(?:" + regex + ")"}};
    const auto reference = make_pattern(JsonNode(node, "test"));
    RandomStream random(Seed(11).child("texts"));
    for (int i = 0; i < 20000; ++i) {
      const std::string text = random_text(random);
      const std::vector<Span> a = ours->find_all(text), b = reference->find_all(text);
      bool same = a.size() == b.size();
      for (std::size_t k = 0; same && k < a.size(); ++k)
        same = a[k].begin == b[k].begin && a[k].end == b[k].end;
      if (same) continue;
      CAPTURE(text);
      CHECK(same);
    }
  }
  CHECK_FALSE(make_word_pattern(R"(\p{L}+)"));
}
