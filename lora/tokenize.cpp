#include <algorithm>
#include <utility>

#include "lora/trainer.h"
#include "model/chat_template.h"

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

using Ids = std::vector<TokenId>;

/// Context, then what is learnt. Generation continues from the ids of the context alone, so training
/// must begin with exactly those.
/// @param whole  ids of both as one text  @param alone  makes those of the second by itself
template <class Alone>
TokenizedExample continue_ids(const Ids& context, Ids whole, Alone alone) {
  TokenizedExample result;
  result.prompt_tokens = context.size();
  const bool continues =
      whole.size() >= context.size() && std::equal(context.begin(), context.end(), whole.begin());
  result.ids = continues ? std::move(whole) : context;
  if (!continues) {
    const Ids rest = alone();
    result.ids.insert(result.ids.end(), rest.begin(), rest.end());
  }
  return result;
}

/// Part of a rendered conversation, with the markup inside it.
RenderedChat part_of(const RenderedChat& chat, Span span) {
  RenderedChat part{chat.text.substr(span.begin, span.end - span.begin), {}, {}};
  for (const Span& markup : chat.markup) {
    const Span inside{std::max(markup.begin, span.begin), std::min(markup.end, span.end)};
    if (inside.begin < inside.end)
      part.markup.push_back({inside.begin - span.begin, inside.end - span.begin});
  }
  return part;
}

/// The last answer, with the token that ends the turn, after everything before it.
TokenizedExample tokenize_conversation(const Tokenizer& tokenizer, const Example& example) {
  const RenderedChat chat =
      ChatTemplate::of(tokenizer).render(example.messages, /*add_generation_prompt=*/false);
  FENNEC_CHECK(!chat.answers.empty(), "a conversation example ends with an assistant message");
  const Span answer = chat.answers.back();
  const auto encode = [&](Span span) { return encode_chat(tokenizer, part_of(chat, span)); };
  return continue_ids(encode({0, answer.begin}), encode({0, answer.end}),
                      [&] { return encode(answer); });
}

TokenizedExample tokenize_completion(const Tokenizer& tokenizer, const Example& example) {
  const EncodeOptions untrusted{true, false};
  TokenizedExample result =
      continue_ids(tokenizer.encode(example.prompt, untrusted),
                   tokenizer.encode(example.prompt + example.completion, untrusted), [&] {
                     return tokenizer.encode(example.completion, {false, false});
                   });
  if (!tokenizer.eos().empty()) result.ids.push_back(tokenizer.eos().front());
  return result;
}

}  // namespace

TokenizedExample tokenize_example(const Tokenizer& tokenizer, const Example& example,
                                  std::size_t max_tokens) {
  FENNEC_CHECK(max_tokens >= 2);
  TokenizedExample result = example.messages.empty() ? tokenize_completion(tokenizer, example)
                                                     : tokenize_conversation(tokenizer, example);
  shorten(result, tokenizer.bos(), max_tokens);
  result.label = example.kind == TaskKind::kLabel ? example.task + example.completion : example.task;
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
