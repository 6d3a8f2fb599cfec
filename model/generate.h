#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "model/causal_lm.h"
#include "model/tokenizer.h"

namespace fennec {

struct GenerateOptions {
  std::int64_t max_new_tokens = 64;
  std::vector<TokenId> stop;  ///< end-of-text ids; not part of the answer
  std::function<void(std::size_t prompt, TokenId token)> on_token;  ///< each new token as it comes
};

/// Greedy continuation of each prompt (the lowest id on a tie), all prompts in one batch over a KV
/// cache. Ends at a stop id, at max_new_tokens or at the model's context limit. An empty prompt gets no
/// answer.
std::vector<std::vector<TokenId>> generate(const CausalLm& model,
                                           const std::vector<std::vector<TokenId>>& prompts,
                                           const GenerateOptions& options);

}  // namespace fennec
