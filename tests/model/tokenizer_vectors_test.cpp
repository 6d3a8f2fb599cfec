#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "model/tokenizer.h"
#include "tests/support/shared.h"

using namespace fennec;

namespace {

/// Every line of vectors.jsonl, as the reference library gives it.
void check_vectors(const std::string& dir) {
  const Tokenizer tokenizer = Tokenizer::load(test::shared(dir));
  std::ifstream in(test::shared(dir + "/vectors.jsonl"));
  std::string line;
  int count = 0;
  while (std::getline(in, line)) {
    const auto v = nlohmann::json::parse(line);
    const auto text = v["text"].get<std::string>();
    const auto ids = v["ids"].get<std::vector<TokenId>>(),
               special = v["ids_special"].get<std::vector<TokenId>>();
    CAPTURE(text);
    CHECK(tokenizer.encode(text, {.add_special = false}) == ids);
    CHECK(tokenizer.encode(text) == special);
    CHECK(tokenizer.decode(ids, false) == v["decoded"].get<std::string>());
    CHECK(tokenizer.decode(special, true) == v["decoded_skip"].get<std::string>());
    ++count;
  }
  CHECK(count == 469);
}

/// llama.cpp's vocabulary tests: cases between separator lines, one line of ids for each.
void check_llamacpp(const std::string& dir) {
  const Tokenizer tokenizer = Tokenizer::load(test::shared(dir));
  std::ifstream in(test::shared(dir + "/llamacpp.inp")), out(test::shared(dir + "/llamacpp.out"));
  const std::string separator = "\n__ggml_vocab_test__\n";
  std::stringstream all;
  all << in.rdbuf();
  std::string cases = all.str(), expected;
  int count = 0;
  for (std::size_t at = 0; std::getline(out, expected); ++count) {
    const std::size_t end = cases.find(separator, at);
    REQUIRE(at <= cases.size());
    const std::string text = cases.substr(at, end == std::string::npos ? end : end - at);
    std::istringstream numbers(expected);
    std::vector<TokenId> ids;
    for (TokenId id; numbers >> id;) ids.push_back(id);
    CAPTURE(text);
    CHECK(tokenizer.encode(text, {.add_special = false}) == ids);
    at = end + separator.size();
  }
  CHECK(count == 46);
}

}  // namespace

TEST_CASE("tokenizer: GPT-2 ids and text match the reference") {
  FENNEC_NEEDS_SHARED("tokenizers/gpt2");
  check_vectors("tokenizers/gpt2");
  check_llamacpp("tokenizers/gpt2");
}

TEST_CASE("tokenizer: Qwen2 ids and text match the reference") {
  FENNEC_NEEDS_SHARED("tokenizers/qwen2");
  check_vectors("tokenizers/qwen2");
  check_llamacpp("tokenizers/qwen2");
}

TEST_CASE("tokenizer: SentencePiece BPE with byte fallback matches the reference") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  check_vectors("pretrained/stories260K");
}
