#include "model/bpe_trainer.h"

#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/rng.h"
#include "model/byte_level.h"
#include "model/tokenizer.h"
#include "model/unicode.h"
#include "tests/support/temp_dir.h"

using namespace fennec;

namespace {

std::string random_text(RandomStream& random, std::size_t words) {
  static const std::vector<std::string> kWords = {"accel", "heart rate", "valve", "12.5", "aaaa",   " ",
                                                  "\n",    "°C",         "état",  "the",  "sensor", "x",
                                                  "-3",    "'s",         "▁",     "日本", "\t"};
  std::string out;
  for (std::size_t i = 0; i < words; ++i)
    out += kWords[random.below(kWords.size())] + (random.below(3) ? " " : "");
  return out;
}

void train(const std::filesystem::path& dir, std::size_t vocab_size) {
  BpeTrainer trainer({.vocab_size = vocab_size});
  RandomStream random(Seed(3).child("corpus"));
  for (int i = 0; i < 200; ++i) trainer.add(random_text(random, 20));
  trainer.write(dir);
}

/// The obvious BPE: look at all pairs, join the first of the best rank, start over.
std::vector<std::string> slow_bpe(std::vector<std::string> symbols,
                                  const std::map<std::string, std::size_t>& ranks) {
  while (true) {
    std::size_t best = ranks.size(), at = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto rank = ranks.find(symbols[i] + " " + symbols[i + 1]);
      if (rank != ranks.end() && rank->second < best) best = rank->second, at = i;
    }
    if (best == ranks.size()) return symbols;
    symbols[at] += symbols[at + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

}  // namespace

TEST_CASE("bpe_trainer: what it writes round-trips any bytes") {
  const test::TempDir dir;
  train(dir.path(), 600);
  const Tokenizer tokenizer = Tokenizer::load(dir.path());
  CHECK(tokenizer.vocab_size() <= 600);
  CHECK(tokenizer.eos() == std::vector<TokenId>{0});
  CHECK(tokenizer.pad() == 1);
  CHECK(tokenizer.bos() == -1);
  RandomStream random(Seed(4).child("bytes"));
  for (int i = 0; i < 300; ++i) {
    std::string bytes(random.below(60), '\0');
    for (char& b : bytes)
      b = static_cast<char>(static_cast<unsigned char>(random.below(i % 2 ? 256 : 128)));
    CHECK(tokenizer.decode(tokenizer.encode(bytes)) == unicode::replace_invalid(bytes));
    const std::string text = random_text(random, 10);
    CHECK(tokenizer.decode(tokenizer.encode(text)) == text);
  }
}

TEST_CASE("bpe_trainer: its words are cut into the tokens that obvious BPE gives") {
  const test::TempDir dir;
  train(dir.path(), 500);
  const Tokenizer tokenizer = Tokenizer::load(dir.path());
  const auto document = nlohmann::json::parse(read_text_file(dir / "tokenizer.json"));
  std::map<std::string, std::size_t> ranks;
  for (const auto& merge : document["model"]["merges"])
    ranks.emplace(merge.get<std::string>(), ranks.size());
  RandomStream random(Seed(5).child("words"));
  for (int i = 0; i < 500; ++i) {
    std::string word(1 + random.below(40), ' ');  // letters only: one word to the pre-tokenizer
    for (char& c : word) c = "aceltrhvsn"[random.below(10)];
    std::vector<std::string> symbols;
    for (const char c : word) symbols.push_back(bytes_to_chars({&c, 1}));
    std::vector<TokenId> expected;
    for (const std::string& token : slow_bpe(symbols, ranks))
      expected.push_back(tokenizer.id_of(token));
    CAPTURE(word);
    CHECK(tokenizer.encode(word) == expected);
  }
}

TEST_CASE("bpe_trainer: digits stay single, special tokens come first") {
  const test::TempDir dir;
  BpeTrainer trainer({.vocab_size = 300});
  for (int i = 0; i < 50; ++i) trainer.add("2024 2024 2024 heart heart");
  trainer.write(dir.path());
  const Tokenizer tokenizer = Tokenizer::load(dir.path());
  CHECK(tokenizer.id_of("<|endoftext|>") == 0);
  CHECK(tokenizer.id_of("<|pad|>") == 1);
  CHECK(tokenizer.encode("2024").size() == 4);
  CHECK(tokenizer.encode(" heart").size() == 1);
  CHECK(tokenizer.encode("<|endoftext|>") == std::vector<TokenId>{0});
  CHECK(tokenizer.encode("<|endoftext|>", {.match_special = false}).size() > 1);
  CHECK(tokenizer.decode({0, tokenizer.id_of("a"), 1}) == "a");
}

TEST_CASE("bpe_trainer: the order of the corpus does not matter") {
  const test::TempDir a, b;
  BpeTrainer forward({.vocab_size = 400}), backward({.vocab_size = 400});
  std::vector<std::string> texts;
  RandomStream random(Seed(6).child("texts"));
  for (int i = 0; i < 100; ++i) texts.push_back(random_text(random, 10));
  for (const std::string& text : texts) forward.add(text);
  std::reverse(texts.begin(), texts.end());
  for (const std::string& text : texts) backward.add(text);
  forward.write(a.path());
  backward.write(b.path());
  CHECK(read_text_file(a / "tokenizer.json") == read_text_file(b / "tokenizer.json"));
}

TEST_CASE("bpe_trainer: no room for the bytes is the operator's mistake") {
  CHECK_THROWS_AS(BpeTrainer({.vocab_size = 257}), ConfigError);
}
