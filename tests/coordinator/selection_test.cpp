#include "coordinator/selection.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "coordinator/pace.h"
#include "tests/coordinator/engine_driver.h"

using namespace fennec;
using namespace fennec::test;

namespace {

ClientId name_of(int i) { return ClientId{"c" + std::to_string(100 + i)}; }

struct World {
  std::vector<Candidate> eligible;
  ClientHistory history;
  SelectionConfig config;

  explicit World(int clients) {
    for (int i = 0; i < clients; ++i) eligible.push_back({name_of(i), 10 + 3 * i});
  }
  void took_part(std::int64_t round, const std::map<int, std::pair<double, double>>& loss_and_seconds) {
    std::vector<ParticipantRecord> participants;
    for (const auto& [client, what] : loss_and_seconds) {
      ParticipantRecord p;
      p.client = name_of(client);
      p.loss = what.first;
      p.num_examples = 10 + 3 * client;
      p.train_seconds = what.second;
      participants.push_back(p);
    }
    history.committed(RoundId{round}, participants);
  }
  std::vector<ClientId> select(const std::string& method, std::size_t size, std::int64_t round,
                               std::uint64_t seed = 1) {
    config.method = method;
    return select_cohort({eligible, size, RoundId{round},
                          Seed(seed).child("cohort", static_cast<std::uint64_t>(round)), history,
                          config});
  }
};

/// The paper's score, client by client, with no code in common.
double slow_score(const World& world, int client, std::int64_t round) {
  std::vector<double> utilities, seconds;
  for (const Candidate& c : world.eligible) {
    const auto* last = world.history.find(c.client);
    utilities.push_back(static_cast<double>(last->num_examples) * last->loss);
    seconds.push_back(last->train_seconds);
  }
  const auto* mine = world.history.find(name_of(client));
  std::sort(utilities.begin(), utilities.end());
  std::sort(seconds.begin(), seconds.end());
  const auto at = [](const std::vector<double>& sorted, double share) {
    return sorted[static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size()))) - 1];
  };
  const double clip = at(utilities, 0.95), preferred = at(seconds, 0.30);
  const double utility = std::min(static_cast<double>(mine->num_examples) * mine->loss, clip);
  const double score =
      (utility - utilities.front()) / (clip - utilities.front() + 1e-9) +
      std::sqrt(0.1 * std::log(static_cast<double>(round)) / static_cast<double>(mine->round.value));
  return mine->train_seconds > preferred ? score * std::pow(preferred / mine->train_seconds, 2) : score;
}

}  // namespace

TEST_CASE("selection: every method gives so many clients, ascending, and the same ones again") {
  for (const std::string_view method : kSelectionNames) {
    CAPTURE(std::string(method));
    World world(12);
    for (std::int64_t round = 1; round < 6; ++round) {
      const auto cohort = world.select(std::string(method), 5, round);
      CHECK(cohort.size() == 5);
      CHECK(std::is_sorted(cohort.begin(), cohort.end()));
      CHECK(std::set<ClientId>(cohort.begin(), cohort.end()).size() == 5);
      CHECK(world.select(std::string(method), 5, round) == cohort);
      world.took_part(round, {{static_cast<int>(round), {2.0, 3.0}}, {0, {1.0, 4.0}}});
    }
    CHECK(world.select(std::string(method), 40, 6).size() == 12);
  }
}

TEST_CASE("weighted draws come in proportion to the weights, and each client's is its own") {
  int first = 0;
  const std::vector<std::pair<ClientId, double>> weights{{name_of(0), 1}, {name_of(1), 3}};
  for (std::uint64_t seed = 0; seed < 4000; ++seed)
    first += draw_weighted(weights, 1, Seed(seed), "x").front() == name_of(1);
  CHECK(first / 4000.0 == doctest::Approx(0.75).epsilon(0.04));
  std::vector<std::pair<ClientId, double>> many;
  for (int i = 0; i < 20; ++i) many.emplace_back(name_of(i), 1 + i);
  const auto order = draw_weighted(many, 20, Seed(3), "x");
  std::erase_if(many, [&](const auto& entry) { return entry.first == order[7]; });
  auto without = order;
  without.erase(without.begin() + 7);
  CHECK(draw_weighted(many, 20, Seed(3), "x") == without);
}

TEST_CASE("power of choice: of all candidates those with the largest last loss, unknown ones first") {
  World world(8);
  world.config.candidates = 8;
  world.took_part(
      1, {{0, {0.5, 1}}, {1, {3.0, 1}}, {2, {1.0, 1}}, {3, {2.0, 1}}, {4, {0.1, 1}}, {5, {4.0, 1}}});
  CHECK(world.select("powerofchoice", 4, 2) ==
        std::vector<ClientId>{name_of(1), name_of(5), name_of(6), name_of(7)});
  world.config.candidates = 4;  // no choice: who has more examples comes more often
  std::map<ClientId, int> times;
  for (std::uint64_t seed = 0; seed < 400; ++seed)
    for (const ClientId& client : world.select("powerofchoice", 4, 2, seed)) ++times[client];
  CHECK(times[name_of(7)] > times[name_of(0)]);
}

TEST_CASE("oort: without chance or exploration it is the best by the paper's score") {
  RandomStream random(Seed(5));
  for (int trial = 0; trial < 100; ++trial) {
    World world(20);
    world.config.exploration = world.config.exploration_least = 0;
    world.config.cutoff = 1;
    for (std::int64_t round = 1; round <= 5; ++round) {
      std::map<int, std::pair<double, double>> who;
      for (int i = 0; i < 20; ++i)
        if (round == 1 || random.uniform() < 0.3)
          who[i] = {random.uniform(0.1, 3), random.uniform(1, 20)};
      world.took_part(round, who);
    }
    std::vector<std::pair<double, ClientId>> best;
    for (int i = 0; i < 20; ++i) best.emplace_back(-slow_score(world, i, 50), name_of(i));
    std::sort(best.begin(), best.end());
    std::set<ClientId> expected;
    for (std::size_t i = 0; i < 6; ++i) expected.insert(best[i].second);
    CHECK(world.select("oort", 6, 50) == std::vector<ClientId>(expected.begin(), expected.end()));
    world.config.cutoff = 0.95;
    const double cut = 0.95 * -best[5].first;
    for (const ClientId& client : world.select("oort", 6, 50))
      for (const auto& [score, other] : best)
        if (other == client) CHECK(-score >= cut - 1e-12);
  }
}

TEST_CASE("oort: the sheet's figures") {
  World world(2);
  world.took_part(10, {{0, {2.0, 60}}, {1, {2.0, 120}}});
  CHECK(slow_score(world, 0, 50) - 0 ==
        doctest::Approx(0.1978).epsilon(1e-3));  // the least useful of two
  CHECK(world.history.find(name_of(0))->utility() == 20);
}

TEST_CASE("oort: new clients come only by exploring, and nobody waits for ever") {
  World world(30);
  world.config.exploration = world.config.exploration_least = 0;
  world.took_part(1, {{0, {1, 1}}, {1, {1, 1}}, {2, {1, 1}}, {3, {1, 1}}, {4, {1, 1}}});
  const auto known = world.select("oort", 5, 2);
  for (int i = 0; i < 5; ++i) CHECK(known[static_cast<std::size_t>(i)] == name_of(i));
  world.config = SelectionConfig{};
  std::map<ClientId, std::int64_t> last;
  for (std::int64_t round = 2; round < 120; ++round) {
    std::map<int, std::pair<double, double>> who;
    for (const ClientId& client : world.select("oort", 5, round)) {
      const int i = std::stoi(client.name.substr(1)) - 100;
      CHECK(round - last[client] <= 24);
      last[client] = round;
      who[i] = {i < 3 ? 5.0 : 0.1, i < 3 ? 1.0 : 50.0};  // a few that are always the best
    }
    world.took_part(round, who);
  }
  CHECK(last.size() == 30);
  for (const auto& [client, round] : last) CHECK(round > 95);
}

TEST_CASE("pace: as many come as are wanted, and no crowd at once") {
  constexpr std::size_t kClients = 20000, kWanted = 200;
  constexpr double kRound = 10;
  std::map<int, int> each_second;
  double waits = 0;
  for (std::size_t i = 0; i < kClients; ++i) {
    const double wait =
        rejoin_seconds(kClients, kWanted, kRound, 3, RandomStream(Seed(i).child("pace")));
    waits += wait / static_cast<double>(kClients);
    ++each_second[static_cast<int>(wait)];
  }
  const double rate =
      static_cast<double>(kClients) / waits;  // clients asking a second, in the long run
  CHECK(rate == doctest::Approx(static_cast<double>(kWanted) / kRound).epsilon(0.1));
  const double mean = static_cast<double>(kClients) / static_cast<double>(each_second.size());
  for (const auto& [second, clients] : each_second) CHECK(clients < 3 * mean);
  CHECK(rejoin_seconds(1000000, 1, 1e6, 0, RandomStream(Seed(1))) == 86400);
  for (std::uint64_t seed = 0; seed < 50; ++seed) {  // few clients: all are needed next
    const double wait = rejoin_seconds(8, 4, 60, 30, RandomStream(Seed(seed)));
    CHECK(wait >= 30);
    CHECK(wait <= 36);
  }
}

TEST_CASE("over-selection: the first updates end the round, the rest is told to wait") {
  RoundsConfig rounds;
  rounds.cohort_size = 2;
  rounds.selection.over = 1.5;
  rounds.total = 2;
  EngineDriver d(rounds);
  for (const char* name : {"a", "b", "c", "d"}) d.arrive(name);
  for (const char* name : {"a", "b", "c", "d"}) d.evaluate(name);
  const auto plans = sent<RoundPlan>(d.last);
  REQUIRE(plans.size() == 3);
  CHECK(actions_of<CommitRound>(d.update(plans[2].first)).empty());
  const auto commit = actions_of<CommitRound>(d.update(plans[0].first));
  REQUIRE(commit.size() == 1);
  CHECK(commit[0].contributors ==
        std::vector<ClientId>{ClientId{plans[0].first}, ClientId{plans[2].first}});
  const ClientId late{plans[1].first};
  const auto refused = sent<UpdateRejected>(d.on(OfferArrived{late, d.offer(late.name)}));
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].second.code == ErrorCode::kStale);
  d.commit();
  const auto waits = sent<Wait>(d.last);
  REQUIRE(waits.size() == 1);
  CHECK(waits[0].first == late.name);
  CHECK(sent<RoundPlan>(d.last).size() == 3);
}
