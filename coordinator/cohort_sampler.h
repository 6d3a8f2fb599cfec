#pragma once
#include <cstddef>
#include <set>
#include <vector>

#include "core/ids.h"
#include "core/rng.h"
#include "privacy/random_source.h"

namespace fennec {

/// A uniform sample without replacement, ascending. Depends only on the set of `eligible` (ascending)
/// and the seed, Seed::child("cohort", round). All of them when there are no more than `size`.
std::vector<ClientId> sample_cohort(std::vector<ClientId> eligible, std::size_t size, Seed seed);

/// How cohorts are drawn.
struct CohortRule {
  bool poisson = false;  ///< else sample_cohort()
  double rate = 1;       ///< of Poisson sampling
  SecretKey key{};       ///< of Poisson sampling: who knows it knows every cohort
};

/// Each of `eligible` by itself with probability rule.rate; may be empty. A member's draw depends only
/// on key, round and name: the same after a restart, unknown to others. Keeps the order.
std::vector<ClientId> poisson_cohort(const std::vector<ClientId>& eligible, const CohortRule& rule,
                                     RoundId round);

/// The cohort of a round that opens again. Members in `keep` stay; the places of the others go to
/// `eligible` clients outside the old cohort, in the seed's order; a member that nobody can replace
/// stays too (it may come back), and places that were empty are filled up to `size`. Ascending.
std::vector<ClientId> resample_cohort(const std::vector<ClientId>& cohort,
                                      const std::set<ClientId>& keep, std::vector<ClientId> eligible,
                                      std::size_t size, Seed seed);

}  // namespace fennec
