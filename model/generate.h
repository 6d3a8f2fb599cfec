#pragma once
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "core/rng.h"
#include "model/causal_lm.h"
#include "model/sampling.h"
#include "model/tokenizer.h"

namespace fennec {

/// Why an answer ended.
enum class FinishReason {
  kStop,     ///< a stop token, or whoever watched the tokens had enough
  kLength,   ///< max_new_tokens
  kContext,  ///< the model's context is full
};
std::string_view to_string(FinishReason reason);  ///< "stop", "length", "context"

struct GenerateOptions {
  std::int64_t max_new_tokens = 64;
  std::vector<TokenId> stop;        ///< end-of-text ids; not part of the answer
  std::vector<TokenId> suppressed;  ///< never chosen: see ids_without_token()
  SamplingConfig sampling;          ///< greedy unless it says otherwise
  Seed seed{0};                     ///< prompt i draws from seed.child("generate", first_prompt + i)
  std::uint64_t first_prompt = 0;
  /// Each new token as it comes; false ends that answer, of which the token is still part.
  std::function<bool(std::size_t prompt, TokenId token)> on_token;
  std::function<void(std::size_t prompt, FinishReason reason)> on_finish;
};

/// Continues each prompt, all in one left-padded batch over a preallocated KV cache. An answer does not
/// depend on the other prompts of its batch beyond rounding. An empty prompt gets no answer. Throws
/// ConfigError for a prompt longer than the model's context, IoError for logits that are not finite.
std::vector<std::vector<TokenId>> generate(const CausalLm& model,
                                           const std::vector<std::vector<TokenId>>& prompts,
                                           const GenerateOptions& options);

/// Ids below `vocab_size`, the model's, that no token has: rows that pad the embedding matrix.
std::vector<TokenId> ids_without_token(const Tokenizer& tokenizer, std::int64_t vocab_size);

}  // namespace fennec
