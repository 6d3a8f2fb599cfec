#pragma once
#include <string_view>

#include "aggregation/strategy_config.h"
#include "core/parameter_set.h"
#include "core/peft_config.h"
#include "core/rng.h"

namespace fennec {

// RoLoRA with absorption: every aggregation.rule.absorb_every rounds what the adapter has learnt goes
// into a frozen branch beside it, B_g·A_g ← the best approximation of B_g·A_g + B·A of rank r_g, and
// the adapter starts afresh: A drawn, B = 0 (as ReLoRA, arXiv 2307.05695, without a base that is
// written to). As one of A and B is common to all clients in a round of RoLoRA, what is absorbed is
// their exact mean; the rank of ΔW is no longer the adapter's.
//
// The branch belongs to an adapter version: two tensors for each pair, named like its A and B with
// ".absorbed" after it, fetched with the version and never sent.

/// Whether a tensor of a version belongs to the branch.
bool is_absorbed(std::string_view tensor);

/// r_g of an adapter of rank `rank`: aggregation.rule.absorb_rank, or 4 × rank; 0 when nothing is
/// absorbed.
std::int64_t absorbed_rank(const AggregationConfig& config, std::int64_t rank);

/// Whether the version that this round makes is one after absorption.
bool absorbs_after(const AggregationConfig& config, RoundId round);
/// Whether there was one between an update of `earlier` and the start of round `now`.
bool absorbed_between(const AggregationConfig& config, RoundId earlier, RoundId now);

/// The branch of a version, names and all; empty when it has none.
ParameterSet absorbed_of(const ParameterSet& version);

/// Absorbs, and draws A afresh.
void absorb(ParameterSet& version, Seed fresh);

/// [A; A_g] and [B B_g]: adapter and branch as one adapter of rank r + r_g, which is what PEFT reads;
/// the trained tensors when there is no branch.
ParameterSet stacked_adapter(const ParameterSet& version);
/// The configuration of that adapter: the rank r + r_g, and the alpha that leaves the scale as it is.
PeftConfig stacked_config(PeftConfig config, const AggregationConfig& aggregation);

}  // namespace fennec
