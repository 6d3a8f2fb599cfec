#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/rng.h"
#include "model/tokenizer.h"

namespace fennec {

/// How the next token is chosen from the model's logits. The default is greedy.
struct SamplingConfig {
  double temperature = 0;  ///< logits are divided by it; 0 = the most likely token
  std::int64_t top_k = 0;  ///< keep the k most likely tokens, and any tied with the last; 0 = all
  double top_p = 1;        ///< keep the most likely tokens that together reach this probability
  double min_p = 0;        ///< keep tokens with at least this share of the best one's probability
  double repetition_penalty = 1;  ///< > 1 makes tokens that occurred less likely

  bool is_greedy() const { return temperature == 0; }
};

/// Throws ConfigError naming the option and its range.
void check_sampling(const SamplingConfig& config);

struct TokenProbability {
  TokenId id = 0;
  double probability = 0;
};

/// The distribution that the next token is drawn from. Filters in the order of Hugging Face's
/// generate(): repetition penalty (each distinct id of `seen` once: a negative score is multiplied, any
/// other divided), temperature (0 counts as 1), top-k, top-p, min-p, softmax. Among equal scores the
/// lower id counts as the more likely.
/// @param logits  by id; −inf and NaN are never drawn. Throws IoError when nothing else is there.
/// @param seen  ids of the prompt and the answer so far
/// @return the ids kept, in increasing order, with probabilities that sum to 1
std::vector<TokenProbability> next_token_distribution(std::span<const float> logits,
                                                      std::span<const TokenId> seen,
                                                      const SamplingConfig& config);

/// Chooses one token after another: the lowest id of the best score when greedy, else by inverse CDF in
/// double from a counter-based stream, so that equal logits give equal tokens on every machine.
class Sampler {
 public:
  Sampler(const SamplingConfig& config, Seed seed);
  /// As next_token_distribution().
  TokenId choose(std::span<const float> logits, std::span<const TokenId> seen);

 private:
  SamplingConfig config_;
  RandomStream stream_;
};

}  // namespace fennec
