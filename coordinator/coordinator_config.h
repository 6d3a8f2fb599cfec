#pragma once
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace fennec {

// The only list of ways to choose a cohort: each is select_<name>() in a file of its own.
#define FENNEC_SELECTIONS(X) X(uniform) X(powerofchoice) X(oort)

#define FENNEC_NAME(name) #name,
inline constexpr auto kSelectionNames =
    std::to_array<std::string_view>({FENNEC_SELECTIONS(FENNEC_NAME)});
#undef FENNEC_NAME

struct SelectionConfig {
  std::string method = "uniform";
  double over = 1.0;
  int candidates = 0;
  double exploration = 0.9;
  double exploration_decay = 0.98;
  double exploration_least = 0.3;
  double slow_penalty = 2;
  double cutoff = 0.95;
};

template <class Visitor>
void fields(Visitor& v, SelectionConfig& c) {
  v("method", c.method, "how a cohort is chosen: uniform, powerofchoice or oort (docs/round.md)");
  v("over", c.over,
    "over-selection: so many times cohort_size clients are asked, and the round commits with the first "
    "cohort_size updates");
  v("candidates", c.candidates,
    "powerofchoice: clients drawn, those with the largest last loss stay; 0 = twice the cohort");
  v("exploration", c.exploration, "oort: share of clients that never took part, in round 0");
  v("exploration_decay", c.exploration_decay, "oort: by which that share shrinks each round");
  v("exploration_least", c.exploration_least, "oort: the share it does not fall below");
  v("slow_penalty", c.slow_penalty, "oort: exponent of the penalty of clients slower than preferred");
  v("cutoff", c.cutoff, "oort: share of the last place's score that still has a chance");
}

struct RoundsConfig {
  int total = 5;
  int cohort_size = 4;
  int min_available = 0;
  int min_updates = 0;
  double deadline_s = 600;
  int evaluate_every = 0;
  int buffer_size = 0;
  int max_staleness = 20;
  SelectionConfig selection;
};

template <class Visitor>
void fields(Visitor& v, RoundsConfig& c) {
  v("total", c.total, "training rounds of the run");
  v("cohort_size", c.cohort_size,
    "clients sampled a round; a round starts once this many are connected");
  v("min_available", c.min_available,
    "clients that must be connected before a round starts, of whom the cohort is sampled; 0 = "
    "cohort_size");
  v("min_updates", c.min_updates,
    "updates needed to commit at the deadline; 0 = the whole cohort; fewer: the round is retried");
  v("deadline_s", c.deadline_s, "seconds a round waits for its cohort");
  v("evaluate_every", c.evaluate_every,
    "rounds between federated evaluations of the global adapter; 0 = only before the first and after "
    "the last round");
  v("buffer_size", c.buffer_size,
    "fedbuff: updates that make a new version while cohort_size clients train; 0 = rounds are "
    "synchronous");
  v("max_staleness", c.max_staleness, "fedbuff: an update from more versions ago than this is refused");
  v("selection", c.selection, "");
}

/// Updates of which a round with nobody missing consists.
inline int updates_wanted(const RoundsConfig& c) {
  return c.buffer_size > 0 ? c.buffer_size : c.cohort_size;
}

/// Connected clients without which no round starts.
inline int clients_wanted(const RoundsConfig& c) { return std::max(c.cohort_size, c.min_available); }

}  // namespace fennec
