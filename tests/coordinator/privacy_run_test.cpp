// Differential privacy of a run on disk: what is spent is on disk before it can be seen, whatever dies.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "coordinator/commands.h"
#include "coordinator/run_store.h"
#include "tests/coordinator/engine_driver.h"
#include "tests/coordinator/small_run.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using namespace fennec::test;

namespace {

const std::vector<ClientId> kClients = {{"a"}, {"b"}};
constexpr int kRounds = 3;

struct Crash {};

Experiment private_experiment(const std::filesystem::path& base, const std::string& mechanism) {
  Experiment e = small_experiment(base);
  e.rounds.total = kRounds;
  e.rounds.cohort_size = 2;
  e.privacy.dp.mechanism = mechanism;
  e.privacy.dp.clip_norm = 0.5;
  e.privacy.dp.noise_multiplier = 2;
  e.privacy.dp.delta = 1e-5;
  return e;
}

bool advance(RunStore& store) {
  const RunState state = store.ledger().run_state();
  if (state.last_committed.value == kRounds) return true;
  const RoundId open{state.last_committed.value + 1};
  if (state.open_cohort.empty()) {
    store.round_opened(open, kClients);
    return false;
  }
  for (const ClientId& client : kClients)
    if (!state.stored.contains(client)) {
      const FakeUpdate update = fake_update(store.layout(), client.name, open, state.version);
      store.store_update(client, update.offer, update.bytes);
      return false;
    }
  store.commit(CommitRound{open, kClients, 1.5}, 100);
  return false;
}

/// What is on disk now, a crash included: an adapter that anyone could read has its line in the ledger.
void check_nothing_uncounted(const RunDirectory& run) {
  const Ledger ledger(run.ledger(), true);
  const std::vector<PrivacyRelease> lines = ledger.privacy_releases();
  for (std::int64_t version = 1; version <= kRounds; ++version) {
    char name[8];
    std::snprintf(name, sizeof name, "%04d", static_cast<int>(version));
    if (!std::filesystem::exists(run.adapters() / name)) continue;
    CHECK(std::any_of(lines.begin(), lines.end(),
                      [&](const PrivacyRelease& line) { return line.round.value == version; }));
  }
}

int run_with_crash(const RunDirectory& run, std::optional<int> crash_at) {
  int steps = 0;
  for (int life = 0; life < 2; ++life) {
    try {
      RunStore store(run, [&](const std::string&) {
        if (steps++ == crash_at && life == 0) throw Crash{};
      });
      while (!advance(store)) {
      }
      return steps;
    } catch (const Crash&) {
      check_nothing_uncounted(run);
    }
  }
  return steps;
}

std::string copied_noise_key(const RunDirectory& from, const RunDirectory& to, int round) {
  const std::string name = "noise-000" + std::to_string(round) + ".key";
  if (!std::filesystem::exists(from.keys() / name)) return "";
  std::filesystem::copy_file(from.keys() / name, to.keys() / name);
  return name;
}

}  // namespace

TEST_CASE("privacy of a run: killed before any step, the ledger never counts too little") {
  const TempDir dir;
  write_tiny_base(dir / "base");
  for (const std::string mechanism : {"central", "local"}) {
    CAPTURE(mechanism);
    const Experiment experiment = private_experiment(dir / "base", mechanism);
    const TempDir calm_dir;
    const RunDirectory calm = enrolled_run(calm_dir.path(), kClients, experiment);
    const int steps = run_with_crash(calm, std::nullopt);
    const double epsilon = Ledger(calm.ledger(), true).privacy_releases().back().epsilon;
    CHECK(epsilon == doctest::Approx(epsilon_bound(Accounting::kRdp, {{1, 2, kRounds}}, 1e-5).epsilon));
    for (int crash_at = 0; crash_at < steps; ++crash_at) {
      CAPTURE(crash_at);
      const TempDir here;
      const RunDirectory run = enrolled_run(here.path(), kClients, experiment);
      run_with_crash(run, crash_at);
      const Ledger ledger(run.ledger(), true);
      CHECK(ledger.privacy_releases().size() == kRounds);  // the same releases, done again, cost once
      CHECK(ledger.privacy_releases().back().epsilon == epsilon);
      REQUIRE(ledger.rounds().size() == kRounds);
      CHECK(ledger.rounds().back().epsilon == epsilon);
      for (int round = 1; round <= kRounds; ++round)  // a committed round's noise cannot be drawn again
        CHECK_FALSE(
            std::filesystem::exists(run.keys() / ("noise-000" + std::to_string(round) + ".key")));
    }
  }
}

TEST_CASE("privacy of a run: a commit done again after a crash adds the same noise") {
  const TempDir dir;
  write_tiny_base(dir / "base");
  const RunDirectory run =
      enrolled_run(dir.path(), kClients, private_experiment(dir / "base", "central"));
  std::vector<std::byte> seen;  // the adapter that a first life had written before it died
  try {
    RunStore store(run, [&](const std::string& step) {
      if (step == "record commit") throw Crash{};
    });
    while (!advance(store)) {
    }
  } catch (const Crash&) {
    seen = read_binary_file(run.adapters() / "0001/adapter_model.safetensors");
  }
  REQUIRE(!seen.empty());
  const TempDir other_dir;
  const RunDirectory other =
      enrolled_run(other_dir.path(), kClients, private_experiment(dir / "base", "central"));
  CHECK(copied_noise_key(run, other, 1) == "noise-0001.key");
  CHECK((std::filesystem::status(run.keys() / "noise-0001.key").permissions() &
         std::filesystem::perms::mask) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  RunStore store(run);
  while (!advance(store)) {
  }
  CHECK(read_binary_file(run.adapters() / "0001/adapter_model.safetensors") == seen);

  // With the same key but one contributor fewer the noise is another: their difference must not be
  // bare.
  const NoiseKeys keys(other.keys());
  std::vector<std::byte> first(64), second(64);
  keys.noise(RoundId{1}, "a and b")->fill(first);
  keys.noise(RoundId{1}, "a")->fill(second);
  CHECK(first != second);
}

TEST_CASE("privacy of a run: beyond the budget nothing is released, and a round of nobody is") {
  const TempDir dir;
  write_tiny_base(dir / "base");
  Experiment experiment = private_experiment(dir / "base", "central");
  experiment.privacy.dp.epsilon = epsilon_bound(Accounting::kRdp, {{1, 2, 2}}, 1e-5).epsilon + 0.01;
  const RunDirectory run = enrolled_run(dir.path(), kClients, experiment);
  RunStore store(run);
  CHECK(store.privacy()->last_affordable_round(RoundId{0}, kRounds) == 2);
  store.round_opened(RoundId{1}, {});
  const auto nobody = store.commit(CommitRound{RoundId{1}, {}, 1}, 0);
  REQUIRE(nobody);
  CHECK(nobody->participants.empty());
  CHECK(nobody->update_norm > 0);
  const auto to_the_end = [&store] {
    while (!advance(store)) {
    }
  };
  CHECK_THROWS_AS(to_the_end(), BudgetSpent);
  CHECK(store.ledger().latest() == AdapterVersion{2});
  CHECK_FALSE(std::filesystem::exists(run.adapters() / "0003"));
  const std::string status = status_text({run.root, false});
  CHECK(status.find("unit: all data of one device") != std::string::npos);
  CHECK(status_text({run.root, true}).find("\"adversary\"") != std::string::npos);
}

TEST_CASE("engine: a Poisson round takes whoever came by its deadline, be it nobody") {
  RoundsConfig config;
  config.total = 2;
  config.cohort_size = 2;
  config.deadline_s = 100;
  ManualClock clock;
  CohortRule all{true, 1, {}};
  RoundEngine engine(config, "experiment", "run", Seed(7), clock, {}, std::move(all));
  engine.handle(EngineStarted{});
  Hello hello;
  hello.train_examples = 10;
  engine.handle(ClientArrived{{"a"}, hello});
  auto last = engine.handle(ClientArrived{{"b"}, hello});
  EvaluationReport report;
  engine.handle(EvaluationArrived{{"a"}, report});
  last = engine.handle(EvaluationArrived{{"b"}, report});
  CHECK(actions_of<RecordRoundOpened>(last).at(0).cohort.size() == 2);
  engine.handle(
      TrainingFailedArrived{{"a"}, TrainingFailed{RoundId{1}, ErrorCode::kBudget, "no memory"}});
  const auto timer = actions_of<SetTimer>(last).at(0).timer;
  clock.advance_to(clock.now() + from_seconds(101));
  last = engine.handle(TimerFired{timer});
  CHECK(actions_of<RoundAbandoned>(last).empty());
  REQUIRE(actions_of<CommitRound>(last).size() == 1);
  CHECK(actions_of<CommitRound>(last)[0].contributors.empty());
  // The next round's draw may well be empty: it is committed at once.
  RoundEngine unlucky(config, "experiment", "run", Seed(7), clock, {}, CohortRule{true, 0, {}});
  unlucky.handle(EngineStarted{});
  unlucky.handle(ClientArrived{{"a"}, hello});
  unlucky.handle(ClientArrived{{"b"}, hello});
  unlucky.handle(EvaluationArrived{{"a"}, report});
  last = unlucky.handle(EvaluationArrived{{"b"}, report});
  CHECK(actions_of<RecordRoundOpened>(last).at(0).cohort.empty());
  CHECK(actions_of<CommitRound>(last).size() == 1);
}
