#include <doctest/doctest.h>

#include <fstream>

#include "core/error.h"
#include "lora/trainer.h"
#include "model/chat_template.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

using namespace fennec;  // NOLINT: test

namespace {

Example example_of(std::string prompt, std::string completion) {
  Example example;
  example.prompt = std::move(prompt);
  example.completion = std::move(completion);
  return example;
}

using Ids = std::vector<TokenId>;

}  // namespace

TEST_CASE("an example is its prompt's ids, then its completion, then end of text") {
  for (const char* dir : {"pretrained/stories260K", "tokenizers/qwen2"}) {
    FENNEC_NEEDS_SHARED(dir);
    CAPTURE(std::string(dir));
    const Tokenizer tokenizer = Tokenizer::load(test::shared(dir));
    const std::pair<const char*, const char*> texts[] = {{"x 12 -3\nactivity:", " walking"},
                                                         {"", " walking"},
                                                         {"load: 0 1 2\nnext:", " 3 4 5"},
                                                         {"a\n", "b"},
                                                         {"<s>", "</s>"}};
    for (const auto& pair : texts) {
      const auto prompt = pair.first;
      const auto completion = pair.second;
      CAPTURE(std::string(prompt));
      const TokenizedExample got = tokenize_example(tokenizer, example_of(prompt, completion), 512);
      const Ids context = tokenizer.encode(prompt, {true, false});
      REQUIRE(got.prompt_tokens == context.size());
      CHECK(Ids(got.ids.begin(), got.ids.begin() + static_cast<std::ptrdiff_t>(context.size())) ==
            context);
      Ids text = got.ids;
      if (!tokenizer.eos().empty()) {
        REQUIRE(text.back() == tokenizer.eos().front());
        text.pop_back();
      }
      for (const TokenId id :
           Ids(text.begin() + static_cast<std::ptrdiff_t>(context.size()), text.end()))
        CHECK(id != tokenizer.eos().front());  // special tokens in untrusted text are plain characters
    }
  }
}

TEST_CASE("a long example loses the start of its prompt, never its answer") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  const Tokenizer tokenizer = Tokenizer::load(test::shared("pretrained/stories260K"));
  const Example example = example_of("one two three four five six seven eight:", " the end");
  const TokenizedExample whole = tokenize_example(tokenizer, example, 512);
  const std::size_t answer = whole.ids.size() - whole.prompt_tokens;
  for (std::size_t limit = answer + 2; limit <= whole.ids.size() + 2; ++limit) {
    CAPTURE(limit);
    const TokenizedExample cut = tokenize_example(tokenizer, example, limit);
    CHECK(cut.ids.size() == std::min(limit, whole.ids.size()));
    CHECK(cut.ids.front() == tokenizer.bos());
    CHECK(cut.ids.size() - cut.prompt_tokens == answer);
    CHECK(std::equal(cut.ids.rbegin(), cut.ids.rend() - 1, whole.ids.rbegin()));
  }
  for (std::size_t limit = 2; limit <= answer; ++limit) {
    const TokenizedExample cut = tokenize_example(tokenizer, example, limit);
    CHECK(cut.ids.size() == limit);
    CHECK(cut.prompt_tokens == 1);
  }
}

TEST_CASE("a conversation is learnt from its last answer on, which ends with the turn") {
  FENNEC_NEEDS_SHARED("tokenizers/qwen2");
  const test::TempDir dir;
  std::filesystem::copy_file(test::shared("tokenizers/qwen2/tokenizer.json"), dir / "tokenizer.json");
  std::ofstream(dir / "chat_template.jinja") << "<|im_start|> <|im_end|>";
  const Tokenizer tokenizer = Tokenizer::load(dir.path());
  const TokenId end = tokenizer.id_of("<|im_end|>");
  for (const std::string answer : {"C.", "\n\nC", "<|im_end|>", "", " C "}) {
    CAPTURE(answer);
    Example example;
    example.messages = {{"user", "A?"}, {"assistant", "B"}, {"user", "B?"}};
    const Ids prompt = encode_chat(tokenizer, ChatTemplate::of(tokenizer).render(
                                                  example.messages, /*add_generation_prompt=*/true));
    example.messages.push_back({"assistant", answer});
    const TokenizedExample got = tokenize_example(tokenizer, example, 512);
    const auto split = got.ids.begin() + static_cast<std::ptrdiff_t>(got.prompt_tokens);
    CHECK(Ids(got.ids.begin(), split) == prompt);  // what generation would start from
    CHECK(got.ids.back() == end);
    CHECK(std::count(split, got.ids.end(), end) == 1);  // a spelled one is plain text
    CHECK(tokenizer.decode(Ids(split, got.ids.end()), false) == answer + "<|im_end|>");
  }
  Example example;
  example.messages = {{"user", "A?"}, {"assistant", "B"}};
  CHECK_THROWS_AS(
      tokenize_example(Tokenizer::load(test::shared("pretrained/stories260K")), example, 64),
      ConfigError);
}
