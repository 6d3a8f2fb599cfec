// Distributed differential privacy of a run on disk: a secure sum is paid for before it can be begun,
// whatever dies.
#include <doctest/doctest.h>

#include <string>

#include "coordinator/run_store.h"
#include "coordinator/secure_rounds.h"
#include "privacy/noised_vector.h"
#include "tests/coordinator/small_run.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using namespace fennec::test;

namespace {

const std::vector<ClientId> kClients = {{"a"}, {"b"}, {"c"}};
constexpr int kRounds = 3;

struct Crash {};

Experiment distributed_experiment(const std::filesystem::path& base) {
  Experiment e = small_experiment(base);
  e.rounds.total = kRounds;
  e.privacy.secagg.mode = "honest";
  e.privacy.dp.mechanism = "distributed";
  e.privacy.dp.clip_norm = 0.5;
  e.privacy.dp.noise_multiplier = 2;
  e.privacy.dp.delta = 1e-5;
  return e;
}

/// What a secure sum of devices that have learnt nothing opens.
SecureSum noised_sum(const Experiment& experiment, const LayoutPtr& layout, RoundId round) {
  const SecAggPlan plan = secagg_plan(experiment, layout, round);
  const auto share = session_noise(plan);
  REQUIRE(share);
  SeededEntropy entropy(Seed(1).child("noise", static_cast<std::uint64_t>(round.value)));
  SecureSum sum;
  sum.coding = share->coding;
  sum.survivors = kClients;
  const auto coded = code_noised(std::vector<float>(plan.values), *share, sum.sid, entropy);
  REQUIRE(coded);
  sum.sum = *coded;
  return sum;
}

/// One life of a coordinator, which sums anew whatever an earlier life left open.
/// @param begun  sums whose frames may have left
void sum_to_the_end(RunStore& store, const Experiment& experiment, std::size_t& begun) {
  for (;;) {
    const RunState state = store.ledger().run_state();
    if (state.last_committed.value == kRounds) return;
    const RoundId open{state.last_committed.value + 1};
    store.round_opened(open, kClients);
    store.sum_opened(open, store.ledger().run_state().openings);
    ++begun;
    const auto kept = store.commit(
        CommitSums{open, {noised_sum(experiment, store.layout(), open)}, 10, 10, 1.5}, 100);
    REQUIRE(kept);  // not around the call: a crash is to pass through
  }
}

}  // namespace

TEST_CASE("privacy of a run: killed before any step, no secure sum that was begun is uncounted") {
  const TempDir dir;
  write_tiny_base(dir / "base");
  const Experiment experiment = distributed_experiment(dir / "base");
  for (int crash_at = 0;; ++crash_at) {
    CAPTURE(crash_at);
    const TempDir here;
    const RunDirectory run = enrolled_run(here.path(), kClients, experiment);
    std::size_t begun = 0;
    int steps = 0;
    bool crashed = false;
    try {
      RunStore store(run, [&](const std::string&) {
        if (steps++ == crash_at) throw Crash{};
      });
      sum_to_the_end(store, experiment, begun);
    } catch (const Crash&) {
      crashed = true;
      const Ledger now(run.ledger(), true);
      CHECK(now.privacy_releases().size() == begun);
    }
    if (crashed) {
      RunStore store(run);
      sum_to_the_end(store, experiment, begun);
    }
    const Ledger ledger(run.ledger(), true);
    const std::vector<PrivacyRelease> lines = ledger.privacy_releases();
    CHECK(lines.size() == begun);
    CHECK(lines.size() <= kRounds + 1);  // one that was lost
    CHECK(
        lines.back().epsilon ==
        doctest::Approx(
            epsilon_bound(Accounting::kRdp, {{1, 2, static_cast<std::int64_t>(begun)}}, 1e-5).epsilon));
    REQUIRE(ledger.rounds().size() == kRounds);
    CHECK(ledger.rounds().back().epsilon == lines.back().epsilon);
    if (!crashed) break;
  }
}

TEST_CASE("privacy of a run: sums that were lost are paid for, and end the run before its last round") {
  const TempDir dir;
  write_tiny_base(dir / "base");
  Experiment experiment = distributed_experiment(dir / "base");
  experiment.privacy.dp.epsilon =
      epsilon_bound(Accounting::kRdp, {{1, 2, kRounds}}, 1e-5).epsilon + 1e-6;
  const RunDirectory run = enrolled_run(dir.path(), kClients, experiment);
  {
    RunStore store(run);
    CHECK(store.privacy()->sums_left() == kRounds);
    CHECK(store.privacy()->last_affordable_round(RoundId{0}, kRounds) == kRounds);
    store.round_opened(RoundId{1}, kClients);
    store.sum_opened(RoundId{1}, 1);  // the session fails, or the machine does
  }
  RunStore store(run);
  CHECK(store.privacy()->sums_left() == kRounds - 1);
  CHECK(store.privacy()->last_affordable_round(RoundId{0}, kRounds) == kRounds - 1);
  std::size_t begun = 0;
  CHECK_THROWS_AS(sum_to_the_end(store, experiment, begun), BudgetSpent);
  CHECK(begun == kRounds - 1);
  CHECK(store.ledger().latest() == AdapterVersion{kRounds - 1});
  CHECK(store.ledger().privacy_releases().back().epsilon <= experiment.privacy.dp.epsilon);
}
