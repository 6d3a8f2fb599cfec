#include "model/text_stream.h"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/rng.h"
#include "model/unicode.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using nlohmann::json;

namespace {

using Ids = std::vector<TokenId>;

/// Every piece complete UTF-8, all of them together the whole decode.
void check_stream(const Tokenizer& tokenizer, const Ids& ids, bool skip_special) {
  TextStream stream(tokenizer, skip_special);
  std::string text;
  bool valid = true;
  for (const TokenId id : ids) {
    const std::string piece = stream.add(id);
    valid = valid && unicode::is_valid(piece);
    text += piece;
  }
  text += stream.finish();
  CHECK(valid);
  CHECK(text == tokenizer.decode(ids, skip_special));
}

void check_random_ids(const Tokenizer& tokenizer, std::uint64_t seed) {
  RandomStream random(Seed(seed).child("ids"));
  for (int i = 0; i < 300; ++i) {
    Ids ids(random.below(24));
    // Half of them from the low ids, where bytes and special tokens are.
    for (TokenId& id : ids)
      id = static_cast<TokenId>(random.below(i % 2 ? 300 : tokenizer.vocab_size() + 3));
    check_stream(tokenizer, ids, i % 3 == 0);
  }
}

Tokenizer with_decoder(const json& decoder) {
  json vocab = {{"▁a", 0}, {"▁", 1}, {"b▁", 2}, {"<s>", 3},
                {" ", 4},  {"x", 5}, {"é", 6},  {"<0x41>", 7}};
  for (int byte : {0x0A, 0x80, 0x82, 0xAC, 0xC3, 0xE2, 0xF0, 0xFF}) {
    static const char* const kHex = "0123456789ABCDEF";
    vocab[std::string("<0x") + kHex[byte >> 4] + kHex[byte & 15] + ">"] = vocab.size();
  }
  const json document = {
      {"added_tokens", json::array({{{"id", 3}, {"content", "<s>"}, {"special", true}}})},
      {"normalizer", nullptr},
      {"pre_tokenizer", nullptr},
      {"post_processor", nullptr},
      {"decoder", decoder},
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", json::array()}}}};
  const test::TempDir dir;
  std::ofstream(dir / "tokenizer.json") << document.dump();
  return Tokenizer::load(dir.path());
}

const json kReplace = {{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}};
const json kFallback = {{"type", "ByteFallback"}};
const json kFuse = {{"type", "Fuse"}};
json strip(int start, int stop) {
  return {{"type", "Strip"}, {"content", " "}, {"start", start}, {"stop", stop}};
}

}  // namespace

TEST_CASE("text stream: equals the whole decode for every decoder, whatever the ids") {
  const std::vector<json> decoders = {
      nullptr,
      {{"type", "ByteLevel"}},
      kFuse,
      kFallback,
      {{"type", "Metaspace"}, {"prepend_scheme", "always"}},
      {{"type", "Metaspace"}, {"prepend_scheme", "never"}},
      {{"type", "Sequence"}, {"decoders", {kReplace, kFallback, kFuse, strip(1, 0)}}},
      {{"type", "Sequence"}, {"decoders", {kReplace, kFallback, kFuse, strip(2, 2)}}},
      {{"type", "Sequence"}, {"decoders", {kFuse, kReplace, strip(1, 1)}}},
      {{"type", "Sequence"}, {"decoders", {strip(1, 0), kFallback, {{"type", "ByteLevel"}}, kFuse}}},
      {{"type", "Sequence"}, {"decoders", json::array()}}};
  for (const json& decoder : decoders) {
    CAPTURE(decoder.dump());
    const Tokenizer tokenizer = with_decoder(decoder);
    RandomStream random(Seed(5).child("ids"));
    for (int i = 0; i < 400; ++i) {
      Ids ids(random.below(10));
      for (TokenId& id : ids) id = static_cast<TokenId>(random.below(18));
      check_stream(tokenizer, ids, i % 2 == 0);
    }
  }
}

TEST_CASE("text stream: real vocabularies, random ids and the reference's texts") {
  for (const char* dir : {"tokenizers/gpt2", "tokenizers/qwen2", "pretrained/stories260K"}) {
    FENNEC_NEEDS_SHARED(dir);
    CAPTURE(std::string(dir));
    const Tokenizer tokenizer = Tokenizer::load(test::shared(dir));
    check_random_ids(tokenizer, 11);
    std::ifstream in(test::shared(std::string(dir) + "/vectors.jsonl"));
    for (std::string line; std::getline(in, line);) {
      const json vector = json::parse(line);
      TextStream stream(tokenizer, false);
      std::string text;
      for (const TokenId id : vector["ids"].get<Ids>()) text += stream.add(id);
      CHECK(text + stream.finish() == vector["decoded"].get<std::string>());
    }
  }
}

TEST_CASE("text stream: a character comes when its last byte does, ordinary text at once") {
  const Tokenizer spm =
      with_decoder({{"type", "Sequence"}, {"decoders", {kReplace, kFallback, kFuse, strip(1, 0)}}});
  TextStream stream(spm);
  CHECK(stream.add(spm.id_of("▁a")) == "a");
  CHECK(stream.add(spm.id_of("▁a")) == " a");
  CHECK(stream.add(spm.id_of("<0xE2>")) == "");
  CHECK(stream.add(spm.id_of("<0x82>")) == "");
  CHECK(stream.add(spm.id_of("<0xAC>")) == "");
  CHECK(stream.add(spm.id_of("x")) == "€x");
  CHECK(stream.add(spm.id_of("<0xE2>")) == "");
  CHECK(stream.finish() == "\xEF\xBF\xBD");
}
