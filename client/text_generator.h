#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "model/causal_lm.h"
#include "model/generate.h"
#include "model/tokenizer.h"

namespace fennec {

/// How texts are continued; the rest of GenerateOptions follows from the tokenizer.
struct TextOptions {
  std::int64_t max_new_tokens = 64;
  SamplingConfig sampling;
  std::uint64_t seed = 0;
  std::vector<std::string> stop;  ///< strings that end an answer and are not part of it
  std::vector<TokenId> stop_ids;  ///< besides the tokenizer's
};

struct GeneratedText {
  std::string text;
  std::vector<TokenId> ids;
  FinishReason reason = FinishReason::kLength;
};

/// What generating took, summed over calls.
struct GenerationTally {
  std::int64_t prompt_tokens = 0, new_tokens = 0;
  double seconds = 0;
};

/// Continues prompts with text. Not thread-safe.
class TextGenerator {
 public:
  /// @param model, tokenizer  outlive it
  TextGenerator(const CausalLm& model, const Tokenizer& tokenizer, TextOptions options);

  /// One batch. The n-th prompt since construction draws from a stream of its own, however prompts are
  /// grouped.
  /// @param on_text  each piece of an answer as it becomes certain; may be empty
  std::vector<GeneratedText> run(
      const std::vector<std::vector<TokenId>>& prompts,
      const std::function<void(std::size_t prompt, std::string_view piece)>& on_text = {});

  const GenerationTally& tally() const { return tally_; }

 private:
  const CausalLm& model_;
  const Tokenizer& tokenizer_;
  TextOptions options_;
  std::vector<TokenId> suppressed_;
  std::uint64_t prompts_seen_ = 0;
  GenerationTally tally_;
};

}  // namespace fennec
