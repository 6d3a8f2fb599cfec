#pragma once

namespace fennec {

struct RoundsConfig {
  int total = 5;
  int cohort_size = 4;
  int min_updates = 0;
  double deadline_s = 600;
  int evaluate_every = 0;
};

template <class Visitor>
void fields(Visitor& v, RoundsConfig& c) {
  v("total", c.total, "training rounds of the run");
  v("cohort_size", c.cohort_size,
    "clients sampled a round; a round starts once this many are connected");
  v("min_updates", c.min_updates,
    "updates needed to commit at the deadline; 0 = the whole cohort; fewer: the round is retried");
  v("deadline_s", c.deadline_s, "seconds a round waits for its cohort");
  v("evaluate_every", c.evaluate_every,
    "rounds between federated evaluations of the global adapter; 0 = only before the first and after "
    "the last round");
}

}  // namespace fennec
