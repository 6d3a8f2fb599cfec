#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "coordinator/client_history.h"
#include "coordinator/coordinator_config.h"
#include "core/ids.h"
#include "core/rng.h"

namespace fennec {

struct Candidate {
  ClientId client;
  std::int64_t train_examples = 0;
};

/// What a selection may go by. Its result depends on nothing else, and not on how clients came.
struct SelectionInput {
  const std::vector<Candidate>& eligible;  ///< ascending by client
  std::size_t size;                        ///< clients wanted; all when there are no more
  RoundId round;
  Seed seed;  ///< Seed::child("cohort", round)
  const ClientHistory& history;
  const SelectionConfig& config;
};

/// The cohort of a round, ascending; `rounds.selection.method` names the function
/// (coordinator_config.h).
std::vector<ClientId> select_cohort(const SelectionInput& input);

#define FENNEC_DECLARE(name) std::vector<ClientId> select_##name(const SelectionInput& input);
FENNEC_SELECTIONS(FENNEC_DECLARE)
#undef FENNEC_DECLARE

/// Each with a weight above 0; `count` of them without replacement, one after the other in proportion
/// to the weights (Efraimidis and Spirakis, Information Processing Letters 97, 2006). A client's draw
/// is its own, seed.child(label, name), whoever else is there. In the order they were drawn.
std::vector<ClientId> draw_weighted(const std::vector<std::pair<ClientId, double>>& weights,
                                    std::size_t count, Seed seed, const char* label);

}  // namespace fennec
