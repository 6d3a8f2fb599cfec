// Oort (Lai et al., OSDI 2021, algorithm 1): most of a cohort are clients whose last part was useful
// and quick, the rest are new ones. Where its code and its paper differ the paper is followed: who is
// within 95 % of the last place may be drawn.
#include <algorithm>
#include <cmath>
#include <set>

#include "coordinator/cohort_sampler.h"
#include "coordinator/selection.h"

namespace fennec {
namespace {

constexpr double kClipPercentile = 95;   // of utilities: one outlier does not rule
constexpr double kStaleness = 0.1;       // of the bonus √(0.1·ln R / L)
constexpr double kFirstPercentile = 30;  // of training times: who is slower is held back
constexpr double kPercentileStep = 5;
constexpr std::size_t kPacerRounds = 20;
constexpr double kStalled = 0.1, kSoared = 5;  // relative change of a window's utility

double percentile(std::vector<double> values, double percent) {
  std::sort(values.begin(), values.end());
  const double at = percent / 100 * static_cast<double>(values.size());
  const auto index = static_cast<std::size_t>(std::ceil(at));
  return values[std::clamp<std::size_t>(index, 1, values.size()) - 1];
}

/// Every twenty rounds: when their utility hardly changed slower clients are let in, when it soared
/// fewer are.
double pace_percentile(const std::vector<double>& utilities) {
  double percent = kFirstPercentile;
  double before = 0;
  for (std::size_t end = kPacerRounds; end <= utilities.size(); end += kPacerRounds) {
    double now = 0;
    for (std::size_t i = end - kPacerRounds; i < end; ++i) now += utilities[i];
    const double change = std::abs(now - before);
    if (end > kPacerRounds && change <= kStalled * before) percent += kPercentileStep;
    if (end > kPacerRounds && change >= kSoared * before) percent -= kPercentileStep;
    percent = std::clamp(percent, kFirstPercentile, 100.0);
    before = now;
  }
  return percent;
}

struct Known {
  ClientId client;
  const ClientHistory::Last* last;
};

/// (utility − least)/(largest − least) + √(0.1·ln R / L), times (T/t)^α for who is slower than T.
std::vector<std::pair<ClientId, double>> scores(const std::vector<Known>& known,
                                                const SelectionInput& input) {
  std::vector<double> utilities, seconds;
  for (const Known& k : known) {
    utilities.push_back(k.last->utility());
    seconds.push_back(k.last->train_seconds);
  }
  const double clip = percentile(utilities, kClipPercentile);
  const double least = *std::min_element(utilities.begin(), utilities.end());
  const double preferred = percentile(seconds, pace_percentile(input.history.round_utilities()));
  const double log_round = std::log(static_cast<double>(std::max<std::int64_t>(input.round.value, 1)));
  std::vector<std::pair<ClientId, double>> out;
  for (std::size_t i = 0; i < known.size(); ++i) {
    double score = (std::min(utilities[i], clip) - least) / (clip - least + 1e-9);
    score += std::sqrt(kStaleness * log_round / static_cast<double>(known[i].last->round.value));
    if (seconds[i] > preferred) score *= std::pow(preferred / seconds[i], input.config.slow_penalty);
    out.emplace_back(known[i].client, std::max(score, 1e-9));
  }
  return out;
}

/// In proportion to the score, among those that come near the last place.
std::vector<ClientId> exploit(std::vector<std::pair<ClientId, double>> scored, std::size_t count,
                              const SelectionInput& input) {
  if (count == 0 || scored.empty()) return {};
  std::stable_sort(scored.begin(), scored.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  const double cut = input.config.cutoff * scored[std::min(count, scored.size()) - 1].second;
  std::erase_if(scored, [&](const auto& entry) { return entry.second < cut; });
  return draw_weighted(scored, count, input.seed, "exploit");
}

/// Those that have waited longest; the paper leaves them to chance.
std::vector<ClientId> longest_waiting(std::vector<Known> known, std::size_t count) {
  std::stable_sort(known.begin(), known.end(),
                   [](const Known& a, const Known& b) { return a.last->round < b.last->round; });
  std::vector<ClientId> out;
  for (std::size_t i = 0; i < std::min(count, known.size()); ++i) out.push_back(known[i].client);
  return out;
}

}  // namespace

std::vector<ClientId> select_oort(const SelectionInput& input) {
  std::vector<Known> known;
  std::vector<ClientId> fresh;
  for (const Candidate& candidate : input.eligible) {
    const ClientHistory::Last* last = input.history.find(candidate.client);
    if (last == nullptr)
      fresh.push_back(candidate.client);
    else
      known.push_back({candidate.client, last});
  }
  const std::size_t size = std::min(input.size, input.eligible.size());
  const double share =
      std::max(input.config.exploration_least,
               input.config.exploration *
                   std::pow(input.config.exploration_decay, static_cast<double>(input.round.value)));
  auto explore = static_cast<std::size_t>(std::lround(share * static_cast<double>(size)));
  explore = std::max(std::min(explore, size), size - std::min(size, known.size()));
  std::vector<ClientId> out =
      sample_cohort(fresh, std::min(explore, fresh.size()), input.seed.child("explore"));
  // Without new ones left to explore, the places go to whoever has not been asked for longest, so that
  // nobody waits for ever.
  for (const ClientId& client : longest_waiting(known, explore - out.size())) {
    out.push_back(client);
    std::erase_if(known, [&](const Known& k) { return k.client == client; });
  }
  for (const ClientId& client : known.empty() ? std::vector<ClientId>{}
                                              : exploit(scores(known, input), size - out.size(), input))
    out.push_back(client);
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace fennec
