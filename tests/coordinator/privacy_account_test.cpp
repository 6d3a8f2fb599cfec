#include "coordinator/privacy_account.h"

#include <doctest/doctest.h>

#include <map>

#include "coordinator/cohort_sampler.h"

using namespace fennec;

namespace {

Experiment experiment(double epsilon = 0) {
  Experiment e;
  e.rounds.total = 100;
  e.rounds.cohort_size = 10;
  e.privacy.dp.mechanism = "central";
  e.privacy.dp.clip_norm = 1;
  e.privacy.dp.noise_multiplier = 1.1;
  e.privacy.dp.delta = 1e-5;
  e.privacy.dp.sampling = "poisson";
  e.privacy.dp.population = 1000;
  e.privacy.dp.epsilon = epsilon;
  return e;
}

double expected_epsilon(std::int64_t rounds) {
  return epsilon_bound(Accounting::kRdp, {{0.01, 1.1, rounds}}, 1e-5).epsilon;
}

}  // namespace

TEST_CASE("privacy account: releases add up as the accountant says") {
  PrivacyAccount account = *privacy_account(experiment(), {});
  CHECK(account.epsilon() == 0);
  for (int round = 1; round <= 20; ++round) {
    const PrivacyRelease line = account.spend(RoundId{round}, "x", 1);
    CHECK(line.epsilon == doctest::Approx(expected_epsilon(round)).epsilon(1e-12));
  }
  CHECK(account.epsilon() == doctest::Approx(expected_epsilon(20)).epsilon(1e-12));
  CHECK(account.epsilon_after(80) == doctest::Approx(expected_epsilon(100)).epsilon(1e-12));
  CHECK_FALSE(privacy_account(Experiment{}, {}).has_value());
}

TEST_CASE("privacy account: a commit done again costs once, with other contributors once more") {
  PrivacyAccount account = *privacy_account(experiment(), {});
  account.spend(RoundId{1}, "a and b", 1);
  account.spend(RoundId{1}, "a and b", 1);
  CHECK(account.releases().size() == 1);
  account.spend(RoundId{1}, "a", 1);
  CHECK(account.releases().size() == 2);
  CHECK(account.epsilon() == doctest::Approx(expected_epsilon(2)).epsilon(1e-12));
}

TEST_CASE("privacy account: the budget ends before the round that would exceed it") {
  const double budget = (expected_epsilon(7) + expected_epsilon(8)) / 2;
  PrivacyAccount account = *privacy_account(experiment(budget), {});
  CHECK(account.affordable(100) == 7);
  CHECK(account.affordable(5) == 5);
  CHECK(account.last_affordable_round(RoundId{0}, 100) == 7);
  CHECK(account.why_shorter(7, 100).find("after round 7 of 100") != std::string::npos);
  CHECK(account.why_shorter(100, 100).empty());
  for (int round = 1; round <= 7; ++round) account.spend(RoundId{round}, "x", 1);
  CHECK(account.affordable(1) == 0);
  CHECK(account.last_affordable_round(RoundId{7}, 100) == 7);
  CHECK(account.last_affordable_round(RoundId{6}, 100) == 7);  // round 7 is paid for, not yet committed
  CHECK_THROWS_AS(account.spend(RoundId{8}, "x", 1), BudgetSpent);
  CHECK(account.releases().size() == 7);
  CHECK(account.epsilon() <= budget);
}

TEST_CASE("privacy account: a clip norm follows the line that was committed last") {
  PrivacyAccount account = *privacy_account(experiment(), {});
  CHECK(account.clip_norm(RoundId{1}) == 1);
  account.spend(RoundId{1}, "a and b", 0.8);
  account.spend(RoundId{1}, "a", 0.9);
  CHECK(account.clip_norm(RoundId{1}) == 1);
  CHECK(account.clip_norm(RoundId{2}) == 0.9);
}

TEST_CASE("privacy account: each secure sum that is begun counts, whatever came of it") {
  Experiment e = experiment();
  e.privacy.dp.mechanism = "distributed";
  e.privacy.dp.sampling = "fixed";
  e.privacy.dp.population = 0;
  e.privacy.dp.noise_multiplier = 10;
  const auto after = [](std::int64_t sums) {
    return epsilon_bound(Accounting::kRdp, {{1, 10, sums}}, 1e-5).epsilon;
  };
  e.privacy.dp.epsilon = after(5) + 1e-9;
  PrivacyAccount account = *privacy_account(e, {});
  CHECK(account.sums_left() == 5);
  account.spend(RoundId{1}, sum_label(1), 1);
  account.spend(RoundId{1}, sum_label(2), 1);
  account.spend(RoundId{1}, sum_label(2), 1);  // the ledger's line was there already
  CHECK(account.releases().size() == 2);
  CHECK(account.paid_for(RoundId{1}) == doctest::Approx(after(2)).epsilon(1e-12));
  CHECK(account.sums_left() == 3);
  // A restart now tries the first round anew: what was paid for it is gone.
  CHECK(account.last_affordable_round(RoundId{0}, 100) == 3);
  account.spend(RoundId{1}, sum_label(3), 1);
  account.spend(RoundId{2}, sum_label(1), 1);
  account.spend(RoundId{3}, sum_label(1), 1);
  CHECK(account.sums_left() == 0);
  CHECK_THROWS_AS(account.spend(RoundId{4}, sum_label(1), 1), BudgetSpent);
  CHECK(account.epsilon() <= e.privacy.dp.epsilon);
  CHECK(account.statement().adversary.find("coordinator in league") != std::string::npos);
  CHECK(account.statement().neighbouring.find("put to zero") != std::string::npos);
  e.privacy.dp.epsilon = 0;
  CHECK_FALSE(privacy_account(e, {})->sums_left());
  CHECK_FALSE(privacy_account(experiment(2), {})->sums_left());  // central: rounds are what is limited
}

TEST_CASE("privacy summary: no epsilon without its unit, neighbours, sampling and adversary") {
  const std::string text = to_string(*privacy_summary(experiment(2), {}, true));
  for (const char* part : {"epsilon 0.0000 of 2 at delta 1e-05", "unit: all data of one device",
                           "neighbours: add or remove", "sampling: Poisson", "against: ", "SIMULATED"})
    CHECK(text.find(part) != std::string::npos);
  Experiment fixed = experiment();
  fixed.privacy.dp.sampling = "fixed";
  fixed.privacy.dp.population = 0;
  PrivacyAccount account = *privacy_account(fixed, {});
  account.spend(RoundId{1}, "x", 1);
  CHECK(account.releases()[0].sampling_rate == 1);  // no amplification by a cohort of fixed size
  CHECK(account.statement().sampling.find("fixed") != std::string::npos);
  fixed.privacy.dp.mechanism = "local";
  CHECK(privacy_account(fixed, {})->statement().adversary.find("coordinator included") !=
        std::string::npos);
}

TEST_CASE("poisson cohort: each by itself at the rate, the same again, another with another key") {
  std::vector<ClientId> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(ClientId{"d" + std::to_string(1000 + i)});
  CohortRule rule{true, 0.1, {}};
  double drawn = 0, squares = 0;
  std::map<ClientId, int> times;
  for (int round = 1; round <= 300; ++round) {
    const std::vector<ClientId> cohort = poisson_cohort(clients, rule, RoundId{round});
    CHECK(std::is_sorted(cohort.begin(), cohort.end()));
    drawn += static_cast<double>(cohort.size());
    squares += static_cast<double>(cohort.size() * cohort.size());
    for (const ClientId& client : cohort) ++times[client];
  }
  const double mean = drawn / 300, variance = squares / 300 - mean * mean;
  CHECK(mean == doctest::Approx(20).epsilon(0.05));
  CHECK(variance == doctest::Approx(200 * 0.1 * 0.9).epsilon(0.3));  // a fixed cohort has none
  CHECK(times.size() == 200);
  const auto cohort = [&](int round) { return poisson_cohort(clients, rule, RoundId{round}); };
  CHECK(cohort(3) == cohort(3));
  CHECK(cohort(3) != cohort(4));
  const std::vector<ClientId> before = cohort(3);
  rule.key.bytes()[5] = std::byte{1};
  CHECK(cohort(3) != before);
  // Who else is there does not matter.
  std::vector<ClientId> half(clients.begin(), clients.begin() + 100), all = cohort(9);
  std::erase_if(all, [&](const ClientId& c) { return c >= clients[100]; });
  CHECK(poisson_cohort(half, rule, RoundId{9}) == all);
  rule.rate = 1;
  CHECK(cohort(1) == clients);
  rule.rate = 0;
  CHECK(cohort(1).empty());
}
