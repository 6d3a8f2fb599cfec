#include "privacy/accountant.h"

#include "core/error.h"
#include "privacy/accounting/gaussian.h"
#include "privacy/accounting/privacy_loss.h"
#include "privacy/accounting/renyi.h"
#include "privacy/accounting/sampled_gaussian.h"
#include "privacy/accounting/tree.h"

namespace fennec {

namespace {

double rdp_of(const Releases& releases, double order) {
  if (releases.tree) return tree_rdp(releases.noise_multiplier, tree_height(releases.count), order);
  return static_cast<double>(releases.count) *
         sampled_gaussian_rdp(releases.sampling_rate, releases.noise_multiplier, order);
}

EpsilonBound by_rdp(const std::vector<Releases>& releases, double delta) {
  RenyiCurve sum = renyi_curve(
      default_rdp_orders(), [](double) { return 0.0; }, 1);
  for (const Releases& each : releases)
    if (each.count > 0)
      compose(sum,
              renyi_curve(default_rdp_orders(), [&](double order) { return rdp_of(each, order); }));
  const EpsilonAtOrder best = epsilon_of(sum, delta);
  return {best.epsilon, best.order};
}

EpsilonBound by_pld(const std::vector<Releases>& releases, double delta) {
  Releases all = releases.empty() ? Releases{1, 0, 0} : releases.front();
  for (std::size_t i = 1; i < releases.size(); ++i) {
    if (releases[i].sampling_rate != all.sampling_rate ||
        releases[i].noise_multiplier != all.noise_multiplier)
      throw ConfigError("the pld accountant composes equal releases; use rdp for a mixture");
    all.count += releases[i].count;
  }
  if (all.tree) throw ConfigError("the pld accountant does not cover tree aggregation; use rdp");
  return {pld_epsilon(all.sampling_rate, all.noise_multiplier, all.count, delta), 0};
}

EpsilonBound by_zcdp(const std::vector<Releases>& releases, double delta) {
  double rho = 0;
  for (const Releases& each : releases) {
    if (each.sampling_rate != 1)
      throw ConfigError(
          "the zcdp accountant knows no amplification by sampling; use rdp or pld, or a sampling rate "
          "of 1");
    const auto times = static_cast<double>(each.tree ? tree_height(each.count) : each.count);
    rho += times * gaussian_zcdp(each.noise_multiplier);
  }
  return {zcdp_epsilon(rho, delta), 0};
}

}  // namespace

Accounting accounting_of(std::string_view name) {
  for (const Accounting each : {Accounting::kRdp, Accounting::kPld, Accounting::kZcdp})
    if (name == to_string(each)) return each;
  throw ConfigError("unknown accountant '" + std::string(name) + "'; known: rdp, pld, zcdp");
}

std::string_view to_string(Accounting accounting) {
  switch (accounting) {
    case Accounting::kRdp:
      return "rdp";
    case Accounting::kPld:
      return "pld";
    case Accounting::kZcdp:
      return "zcdp";
  }
  return "unknown";
}

EpsilonBound epsilon_bound(Accounting accounting, const std::vector<Releases>& releases, double delta) {
  if (!(delta > 0 && delta < 1)) throw ConfigError("delta must lie between 0 and 1");
  switch (accounting) {
    case Accounting::kPld:
      return by_pld(releases, delta);
    case Accounting::kZcdp:
      return by_zcdp(releases, delta);
    case Accounting::kRdp:
      break;
  }
  return by_rdp(releases, delta);
}

PrivacyStatement statement_of(const std::string& mechanism, const std::string& unit, bool poisson) {
  PrivacyStatement out;
  out.unit = unit == "example" ? "one training example" : "all data of one device";
  out.neighbouring = "add or remove " + out.unit;
  if (mechanism == "local") {
    out.sampling = "none: each opened round counts in full";
    out.adversary = "everyone but the device itself, the coordinator included";
    return out;
  }
  if (mechanism == "example") {
    out.sampling = "Poisson, each example by itself in each step, drawn on the device and kept there";
    out.adversary = "everyone who sees the device's updates, the coordinator included";
    return out;
  }
  if (mechanism == "distributed") {
    out.neighbouring = out.unit + " put to zero; who takes part is seen by all";
    out.sampling = "none: each secure sum that is begun counts in full";
    out.adversary =
        "everyone but the device itself: the coordinator in league with the corrupt share of a cohort "
        "included";
    return out;
  }
  out.sampling = mechanism == "tree" ? "none: each device contributes to at most one round"
                 : poisson           ? "Poisson, each device by itself, cohorts kept secret"
                                     : "none: cohorts of fixed size, each round counts in full";
  out.adversary = "whoever sees the released adapters, all of them; the coordinator is trusted";
  return out;
}

}  // namespace fennec
