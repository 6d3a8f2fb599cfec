#include <algorithm>

#include "lora/trainer.h"

namespace fennec {

namespace {

/// Drops ids after a leading begin-of-text until `ids` fits. The completion is kept whole unless it
/// alone is too long; one token of context always stays, as the first completion token is predicted
/// from it.
void shorten(TokenizedExample& example, TokenId bos, std::size_t max_tokens) {
  auto& ids = example.ids;
  if (ids.size() <= max_tokens) return;
  const std::size_t kept_front = example.prompt_tokens > 1 && ids.front() == bos ? 1 : 0;
  const std::size_t context = std::min<std::size_t>(example.prompt_tokens, 1);
  const std::size_t removable = example.prompt_tokens - std::max(kept_front, context);
  const std::size_t removed = std::min(removable, ids.size() - max_tokens);
  const auto from = ids.begin() + static_cast<std::ptrdiff_t>(kept_front);
  ids.erase(from, from + static_cast<std::ptrdiff_t>(removed));
  example.prompt_tokens -= removed;
  if (ids.size() > max_tokens) ids.resize(max_tokens);
}

}  // namespace

TokenizedExample tokenize_example(const Tokenizer& tokenizer, const Example& example,
                                  std::size_t max_tokens) {
  FENNEC_CHECK(max_tokens >= 2);
  const EncodeOptions untrusted{true, false};
  const auto prompt = tokenizer.encode(example.prompt, untrusted);
  TokenizedExample result;
  result.ids = tokenizer.encode(example.prompt + example.completion, untrusted);
  // Generation continues from the ids of the prompt alone, so training must begin with exactly those.
  const bool continues = result.ids.size() >= prompt.size() &&
                         std::equal(prompt.begin(), prompt.end(), result.ids.begin());
  if (!continues) {
    result.ids = prompt;
    const auto completion = tokenizer.encode(example.completion, {false, false});
    result.ids.insert(result.ids.end(), completion.begin(), completion.end());
  }
  result.prompt_tokens = prompt.size();
  if (!tokenizer.eos().empty()) result.ids.push_back(tokenizer.eos().front());
  shorten(result, tokenizer.bos(), max_tokens);
  return result;
}

std::vector<TokenizedExample> tokenize_examples(const Tokenizer& tokenizer,
                                                const std::vector<Example>& examples,
                                                std::size_t max_tokens) {
  std::vector<TokenizedExample> result;
  result.reserve(examples.size());
  for (const Example& example : examples)
    result.push_back(tokenize_example(tokenizer, example, max_tokens));
  return result;
}

}  // namespace fennec
