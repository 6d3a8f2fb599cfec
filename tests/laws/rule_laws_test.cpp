// Every rule on finished adapters obeys these: what `fennec-coordinator aggregate` can be asked for.
#include <doctest/doctest.h>

#include <algorithm>

#include "aggregation/registry.h"
#include "tests/aggregation/random_adapters.h"

using namespace fennec;
using namespace fennec::test;

namespace {

/// Adapters that the rule accepts: halves in common for those that ask for it.
AdapterSet set_for(std::string_view name, int clients, std::uint64_t seed) {
  AdapterSet set = random_adapters({seed, clients, {3}});
  if (name == "ffa" || name == "rolora" || name == "fedsb")
    for (ClientAdapter& client : set.clients)
      for (std::size_t m = 0; m < set.modules.size(); ++m)
        client.modules[m].a = set.clients[0].modules[m].a;
  if (name == "fedsb")
    for (std::size_t k = 1; k < set.clients.size(); ++k)
      for (std::size_t m = 0; m < set.modules.size(); ++m) {
        Factors& own = set.clients[k].modules[m];
        own.b = set.clients[0].modules[m].b * random_matrix(seed + 100 * k + m, own.rank(), own.rank());
      }
  return set;
}

template <class Law>
void for_every_rule(Law law) {
  for (const StrategyTraits& traits : kStrategyTraits) {
    const StrategyParts parts = strategy_named(traits.name, "strategy").parts;
    if (parts.rule == nullptr) {
      CHECK_FALSE(parts.not_on_adapters.empty());
      continue;
    }
    CAPTURE(std::string(traits.name));
    law(parts.rule, traits);
  }
}

double distance(const std::vector<Factors>& x, const std::vector<Factors>& y) {
  double most = 0;
  for (std::size_t m = 0; m < x.size(); ++m)
    most = std::max(most, (x[m].b * x[m].a - y[m].b * y[m].a).norm());
  return most;
}

}  // namespace

TEST_CASE("law: one adapter comes back as it was") {
  for_every_rule([](AdapterRule rule, const StrategyTraits& traits) {
    if (traits.fewest > 1) return;
    const AdapterSet one = set_for(traits.name, 1, 5);
    CHECK(distance(rule(one, {}).modules, one.clients[0].modules) < 1e-6);
  });
}

TEST_CASE("law: identical adapters give that adapter") {
  for_every_rule([](AdapterRule rule, const StrategyTraits& traits) {
    AdapterSet same = set_for(traits.name, 5, 6);
    for (ClientAdapter& client : same.clients) client.modules = same.clients[0].modules;
    CHECK(distance(rule(same, {}).modules, same.clients[0].modules) < 1e-6);
  });
}

TEST_CASE("law: zero updates give a zero update, and everything stays finite") {
  for_every_rule([](AdapterRule rule, const StrategyTraits& traits) {
    AdapterSet zeros = set_for(traits.name, 5, 7);
    for (ClientAdapter& client : zeros.clients)
      for (Factors& module : client.modules) module.b.setZero();
    for (const Factors& module : rule(zeros, {}).modules) {
      CHECK((module.b * module.a).norm() < 1e-12);
      CHECK(module.b.allFinite());
      CHECK(module.a.allFinite());
    }
  });
}

TEST_CASE("law: which client comes first is of no consequence") {
  for_every_rule([](AdapterRule rule, const StrategyTraits& traits) {
    AdapterSet set = set_for(traits.name, 5, 8);
    const std::vector<Factors> forward = rule(set, {}).modules;
    std::reverse(set.clients.begin(), set.clients.end());
    CHECK(distance(rule(set, {}).modules, forward) < 1e-6);
  });
}

TEST_CASE("law: no module is square, none is skipped, and shapes stay") {
  for_every_rule([](AdapterRule rule, const StrategyTraits& traits) {
    const AdapterSet set = set_for(traits.name, 5, 9);
    const std::vector<Factors> made = rule(set, {}).modules;
    REQUIRE(made.size() == set.modules.size());
    for (std::size_t m = 0; m < made.size(); ++m) {
      CHECK(made[m].b.rows() == set.clients[0].modules[m].b.rows());
      CHECK(made[m].a.cols() == set.clients[0].modules[m].a.cols());
      CHECK(made[m].b.cols() == made[m].a.rows());
    }
  });
}

TEST_CASE("law: unequal ranks are combined, or refused with the client's name") {
  for_every_rule([](AdapterRule rule, const StrategyTraits& traits) {
    AdapterSet set = random_adapters({10, 5, {2, 3, 5}});
    try {
      for (const Factors& module : rule(set, {}).modules) CHECK((module.b * module.a).allFinite());
    } catch (const ConfigError& e) {
      CHECK(std::string(e.what()).find("client") == 0);
      CHECK(std::string(e.what()).find("rank") != std::string::npos);
    }
    CHECK(traits.fewest >= 1);
  });
}
