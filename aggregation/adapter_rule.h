#pragma once
#include <optional>
#include <string>
#include <vector>

#include "aggregation/adapter_set.h"
#include "aggregation/aggregation_config.h"
#include "aggregation/strategy_config.h"

namespace fennec {

/// How a rule is asked to combine whole adapters.
struct RuleRequest {
  RuleConfig rule;
  int rank = 0;       ///< of the result where a rule redistributes; 0 = its own choice
  double energy = 0;  ///< in (0, 1]: the smallest rank that keeps this share of Σσ², up to `rank`
};

template <class Visitor>
void fields(Visitor& v, RuleRequest& c) {
  v("rank", c.rank,
    "flexlora, flora, hetlora, fedex and the rules that weigh clients: rank of the result; 0 = the "
    "rule's "
    "own choice");
  v("energy", c.energy,
    "the same but hetlora: the smallest rank that keeps this share of the energy; 0 = off");
  fields(v, c.rule);
}

struct CombinedAdapter {
  std::vector<Factors> modules;  ///< the global adapter, at scale 1
  /// What each client keeps for itself, where the rule makes no one adapter for all (FedSA).
  std::vector<std::vector<Factors>> personal;
  std::vector<std::string> notes;  ///< what a reader of the result should know
};

/// Many adapters become one, at once: what `fennec-coordinator aggregate` runs. Throws ConfigError
/// naming the client and the module when the adapters are not what the rule is for.
using AdapterRule = CombinedAdapter (*)(const AdapterSet& set, const RuleRequest& request);

/// Σ weightₖ·bₖaₖ of every module, at the rank the request asks for, or the largest that a client has
/// there; notes how much of the norm the truncation left out.
CombinedAdapter redistribute_all(const AdapterSet& set, std::span<const double> weights,
                                 const RuleRequest& request);

Eigen::Index largest_rank(std::span<const Factors> clients);

/// Throws ConfigError, as "client: module: has rank 4, but … 8", unless all ranks of a module are
/// equal.
void require_equal_ranks(const AdapterSet& set, const char* strategy);

/// The first client and module whose A (or B) is not that of the first client, bit for bit.
struct Difference {
  std::string client, module;
};
std::optional<Difference> differing_factor(const AdapterSet& set, Half half);

/// Σ weightₖ·bₖ and Σ weightₖ·aₖ, each on its own. Ranks must be equal.
std::vector<Factors> mean_factors(const AdapterSet& set);

}  // namespace fennec
