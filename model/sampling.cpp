#include "model/sampling.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <unordered_set>

#include "core/error.h"

namespace fennec {
namespace {

/// A token that is still in. Scores are float, as the logits: what is tied there must be tied here.
struct Candidate {
  TokenId id;
  float score;
};
using Candidates = std::vector<Candidate>;

/// From the least likely to the most likely; the lower of two equal ids is the more likely.
bool is_less_likely(const Candidate& a, const Candidate& b) {
  return a.score != b.score ? a.score < b.score : a.id > b.id;
}

Candidates candidates_of(std::span<const float> logits) {
  Candidates all;
  all.reserve(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i)
    if (logits[i] > -HUGE_VALF) all.push_back({static_cast<TokenId>(i), logits[i]});  // no NaN either
  if (all.empty() ||
      std::any_of(all.begin(), all.end(), [](const Candidate& c) { return std::isinf(c.score); }))
    throw IoError("generate: the model's logits are not finite; base weights or adapter are damaged");
  return all;
}

void penalize_repetition(Candidates& candidates, std::span<const TokenId> seen, double penalty) {
  if (penalty == 1) return;
  const std::unordered_set<TokenId> distinct(seen.begin(), seen.end());
  const auto factor = static_cast<float>(penalty);
  for (Candidate& c : candidates)
    if (distinct.contains(c.id)) c.score = c.score < 0 ? c.score * factor : c.score / factor;
}

void divide_by_temperature(Candidates& candidates, double temperature) {
  if (temperature == 0 || temperature == 1) return;
  for (Candidate& c : candidates) c.score /= static_cast<float>(temperature);
}

void keep_top_k(Candidates& candidates, std::int64_t k) {
  if (k <= 0 || static_cast<std::size_t>(k) >= candidates.size()) return;
  std::vector<float> scores;
  for (const Candidate& c : candidates) scores.push_back(c.score);
  const auto kth = scores.begin() + (k - 1);
  std::nth_element(scores.begin(), kth, scores.end(), std::greater<>());
  std::erase_if(candidates, [least = *kth](const Candidate& c) { return c.score < least; });
}

float best_score(const Candidates& candidates) {
  return std::max_element(candidates.begin(), candidates.end(), is_less_likely)->score;
}

/// exp(score − best), whose sum is the softmax's denominator.
double weight_of(const Candidate& c, float best) {
  return std::exp(static_cast<double>(c.score) - static_cast<double>(best));
}

void keep_top_p(Candidates& candidates, double p) {
  if (p >= 1) return;
  std::sort(candidates.begin(), candidates.end(), is_less_likely);
  const float best = candidates.back().score;
  double total = 0, below = 0;
  for (const Candidate& c : candidates) total += weight_of(c, best);
  std::size_t dropped = 0;
  for (; dropped + 1 < candidates.size(); ++dropped) {  // the best one always stays
    below += weight_of(candidates[dropped], best);
    if (below / total > 1 - p) break;
  }
  candidates.erase(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(dropped));
}

void keep_min_p(Candidates& candidates, double share) {
  if (share <= 0) return;
  std::erase_if(candidates, [share, best = best_score(candidates)](const Candidate& c) {
    return weight_of(c, best) < share;
  });
}

Candidates penalized(std::span<const float> logits, std::span<const TokenId> seen,
                     const SamplingConfig& config) {
  Candidates candidates = candidates_of(logits);
  penalize_repetition(candidates, seen, config.repetition_penalty);
  return candidates;
}

void require(bool condition, const char* option, const char* range, double value) {
  if (!condition)
    throw ConfigError(std::string(option) + " must be " + range + ", is " + std::to_string(value));
}

}  // namespace

void check_sampling(const SamplingConfig& c) {
  require(std::isfinite(c.temperature) && c.temperature >= 0, "temperature", "0 or more",
          c.temperature);
  require(c.top_k >= 0, "top_k", "0 (off) or more", static_cast<double>(c.top_k));
  require(c.top_p > 0 && c.top_p <= 1, "top_p", "above 0 and at most 1", c.top_p);
  require(c.min_p >= 0 && c.min_p <= 1, "min_p", "between 0 and 1", c.min_p);
  require(std::isfinite(c.repetition_penalty) && c.repetition_penalty > 0, "repetition_penalty",
          "above 0", c.repetition_penalty);
}

std::vector<TokenProbability> next_token_distribution(std::span<const float> logits,
                                                      std::span<const TokenId> seen,
                                                      const SamplingConfig& config) {
  Candidates candidates = penalized(logits, seen, config);
  divide_by_temperature(candidates, config.temperature);
  keep_top_k(candidates, config.top_k);
  keep_top_p(candidates, config.top_p);
  keep_min_p(candidates, config.min_p);
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
  const float best = best_score(candidates);
  double total = 0;
  for (const Candidate& c : candidates) total += weight_of(c, best);
  std::vector<TokenProbability> out;
  out.reserve(candidates.size());
  for (const Candidate& c : candidates) out.push_back({c.id, weight_of(c, best) / total});
  return out;
}

Sampler::Sampler(const SamplingConfig& config, Seed seed) : config_(config), stream_(seed) {
  check_sampling(config_);
}

TokenId Sampler::choose(std::span<const float> logits, std::span<const TokenId> seen) {
  if (config_.is_greedy()) {
    const Candidates candidates = penalized(logits, seen, config_);
    return std::max_element(candidates.begin(), candidates.end(), is_less_likely)->id;
  }
  const auto distribution = next_token_distribution(logits, seen, config_);
  std::vector<double> weights;
  weights.reserve(distribution.size());
  for (const TokenProbability& token : distribution) weights.push_back(token.probability);
  return distribution[stream_.categorical(weights)].id;
}

}  // namespace fennec
