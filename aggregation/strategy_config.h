#pragma once
#include <cstdint>
#include <string_view>

#include "aggregation/aggregation_config.h"
#include "core/ids.h"

namespace fennec {

/// The factors of ΔW = B·A that a client trains and sends in a round; the others stay as they are.
enum class Half { kBoth, kA, kB };

/// The same over the rounds of a run. kAlternate: B in odd rounds, A in even ones (with B = 0 at the
/// start the gradient of A vanishes, so B comes first).
enum class Travel { kBoth, kOnlyA, kOnlyB, kAlternate };

constexpr Half half_of_round(Travel travel, RoundId round) {
  if (travel == Travel::kOnlyA) return Half::kA;
  if (travel == Travel::kOnlyB) return Half::kB;
  if (travel == Travel::kBoth) return Half::kBoth;
  return round.value % 2 != 0 ? Half::kB : Half::kA;
}

/// What becomes of the updates: their mean by supervised tokens, which a robust rule may replace; a
/// rule of the strategy's own; one that keeps control variates with each version
/// (control_variates.h); or a robust rule.
enum class Combining { kMean, kOwn, kControlled, kRobust };

/// What a strategy asks of a round, for the validator and for whoever plans rounds.
struct StrategyTraits {
  std::string_view name;
  /// False: a weighted sum of one cohort's updates is enough, so the coordinator need not see any
  /// single one. A buffer of updates from many rounds has no cohort.
  bool individual_updates;
  Travel travel;
  /// It needs at least fewest + fewest_per_byzantine · aggregation.rule.byzantine updates.
  int fewest, fewest_per_byzantine;
  Combining combining;
  /// Why a live run cannot use it ("" = it can): what client or coordinator would have to hold.
  std::string_view not_live;
};

// The only list of strategies. To add one: write aggregation/<name>.cpp with its <name>_parts(), put a
// line here and the file in CMakeLists.txt.
//   name, individual updates, travel, fewest, per byzantine, combining, not live
#define FENNEC_STRATEGIES(X)                                                                     \
  X(fedavg, false, kBoth, 1, 0, kMean, "")                                                       \
  X(fednova, false, kBoth, 1, 0, kOwn, "")                                                       \
  X(qfedavg, false, kBoth, 1, 0, kOwn, "")                                                       \
  X(scaffold, false, kBoth, 1, 0, kControlled, "")                                               \
  X(fedbuff, true, kBoth, 1, 0, kOwn, "")                                                        \
  X(ffa, false, kOnlyB, 1, 0, kMean, "")                                                         \
  X(rolora, false, kAlternate, 1, 0, kMean, "")                                                  \
  X(flexlora, true, kBoth, 1, 0, kOwn, "")                                                       \
  X(lorafair, true, kBoth, 1, 0, kOwn, "")                                                       \
  X(fedsa, false, kOnlyA, 1, 0, kOwn, "each device would have to keep its own B between rounds") \
  X(flora, true, kBoth, 1, 0, kOwn,                                                              \
    "each device would have to merge a stack that is as wide as the cohort's ranks together")    \
  X(fedex, true, kBoth, 1, 0, kOwn,                                                              \
    "each device would have to carry the residual as a frozen branch beside its adapter")        \
  X(hetlora, true, kBoth, 1, 0, kOwn, "each device would have to train at a rank of its own")    \
  X(fedsb, false, kBoth, 1, 0, kOwn, "each device would have to train the core R of ΔW = B·R·A") \
  X(median, true, kBoth, 1, 2, kRobust, "")                                                      \
  X(trimmedmean, true, kBoth, 1, 2, kRobust, "")                                                 \
  X(bulyan, true, kBoth, 3, 4, kRobust, "")                                                      \
  X(krum, true, kBoth, 3, 2, kRobust, "")                                                        \
  X(multikrum, true, kBoth, 3, 2, kRobust, "")                                                   \
  X(geomedian, true, kBoth, 1, 2, kRobust, "")                                                   \
  X(centeredclip, true, kBoth, 1, 2, kRobust, "")                                                \
  X(normclip, true, kBoth, 1, 0, kRobust, "")

#define FENNEC_TRAITS(name, individual, travel, fewest, each, combining, not_live) \
  {#name, individual, Travel::travel, fewest, each, Combining::combining, not_live},
inline constexpr StrategyTraits kStrategyTraits[] = {FENNEC_STRATEGIES(FENNEC_TRAITS)};
#undef FENNEC_TRAITS

/// Null when no strategy has this name.
constexpr const StrategyTraits* find_strategy(std::string_view name) {
  for (const StrategyTraits& traits : kStrategyTraits)
    if (traits.name == name) return &traits;
  return nullptr;
}

/// Of a run: aggregation.strategy says what travels, aggregation.robust does not change it.
inline Travel travel_of(const AggregationConfig& config) {
  const StrategyTraits* traits = find_strategy(config.strategy);
  return traits == nullptr ? Travel::kBoth : traits->travel;
}

constexpr std::int64_t fewest_updates(const StrategyTraits& traits, int byzantine) {
  return traits.fewest + std::int64_t{traits.fewest_per_byzantine} * byzantine;
}

}  // namespace fennec
