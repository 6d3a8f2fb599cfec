#pragma once
#include <string>

namespace fennec {

/// The knobs of single strategies; the same for live runs and `fennec-coordinator aggregate`.
struct RuleConfig {
  int byzantine = 0;
  double trim = 0.1;
  double radius = 0;
  double ridge = 0.01;
  double q = 0.1;
  double lipschitz = 500;
  int population = 0;
  int absorb_every = 0;
  int absorb_rank = 0;
};

template <class Visitor>
void fields(Visitor& v, RuleConfig& c) {
  v("byzantine", c.byzantine, "f, the number of hostile updates krum, multikrum and bulyan expect");
  v("trim", c.trim, "trimmedmean: share dropped at each end of every coordinate");
  v("radius", c.radius,
    "normclip, centeredclip: longest norm or distance an update keeps; 0 = the median of the cohort");
  v("ridge", c.ridge, "lorafair: weight λ of the size of the correction of B");
  v("q", c.q, "qfedavg: fairness exponent; 0 = every client counts the same");
  v("lipschitz", c.lipschitz, "qfedavg: L, one over the clients' step size");
  v("population", c.population, "scaffold: N, the devices that take part in the run in all");
  v("absorb_every", c.absorb_every,
    "rolora: rounds after which a frozen branch absorbs the adapter, which starts afresh; even; 0 = "
    "never");
  v("absorb_rank", c.absorb_rank, "rolora: rank of that branch; 0 = four times lora.rank");
}

/// Ranges; "" when all are well, else one message that begins with the key.
inline std::string rule_problem(const RuleConfig& c) {
  if (!(c.byzantine >= 0)) return "byzantine must be at least 0, is " + std::to_string(c.byzantine);
  if (!(c.trim >= 0 && c.trim < 0.5))
    return "trim must be at least 0 and less than 0.5, is " + std::to_string(c.trim);
  if (!(c.radius >= 0)) return "radius must be at least 0, is " + std::to_string(c.radius);
  if (!(c.ridge >= 0)) return "ridge must be at least 0, is " + std::to_string(c.ridge);
  if (!(c.q >= 0)) return "q must be at least 0, is " + std::to_string(c.q);
  if (!(c.population >= 0)) return "population must be at least 0, is " + std::to_string(c.population);
  if (!(c.absorb_every >= 0 && c.absorb_every % 2 == 0))
    return "absorb_every must be an even number of rounds, so that both factors have had as many, or "
           "0; "
           "is " +
           std::to_string(c.absorb_every);
  if (!(c.absorb_rank >= 0 && c.absorb_rank <= 65536))
    return "absorb_rank must be between 0 and 65536, is " + std::to_string(c.absorb_rank);
  if (!(c.lipschitz > 0)) return "lipschitz must be greater than 0, is " + std::to_string(c.lipschitz);
  return "";
}

struct AggregationConfig {
  std::string strategy = "fedavg";
  std::string robust;
  RuleConfig rule;
  std::string server_optimizer = "sgd";
  double server_lr = 1.0;
  double server_momentum = 0.9;
  double server_beta2 = 0.99;
  double server_tau = 1e-3;
  std::string codec = "fp32";
  std::string downlink;
};

template <class Visitor>
void fields(Visitor& v, AggregationConfig& c) {
  v("strategy", c.strategy, "how client updates become one (docs/aggregation.md)");
  v("robust", c.robust,
    "rule against hostile updates, in place of the mean of fedavg, ffa or rolora; empty = none");
  v("rule", c.rule, "");
  v("server_optimizer", c.server_optimizer,
    "how the mean update moves the adapter; sgd with server_lr 1 is FedAvg");
  v("server_lr", c.server_lr, "server step size");
  v("server_momentum", c.server_momentum,
    "fedavgm: the share of the last step kept in the next; fedadam, fedyogi: beta1");
  v("server_beta2", c.server_beta2, "fedadam, fedyogi: second-moment decay");
  v("server_tau", c.server_tau, "fedadagrad, fedadam, fedyogi: floor of the denominator");
  v("codec", c.codec, "how a delta is encoded on the wire, stages joined by + (docs/aggregation.md)");
  v("downlink", c.downlink,
    "codec of the step from one version to the next, for clients that have the one before; empty = "
    "whole versions only");
}

}  // namespace fennec
