// The round engine against schedules of faults on virtual time: thousands of seeds, each with its own
// losses, repetitions, delays, broken links and coordinator deaths around every point where something
// is persisted.
#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <memory>
#include <set>

#include "core/digest.h"
#include "tests/coordinator/engine_driver.h"

using namespace fennec;
using namespace fennec::test;

namespace {

struct Faults {
  double drop = 0, repeat = 0, slowest_s = 1, break_link = 0, die = 0;
};

class FaultyWorld {
 public:
  FaultyWorld(std::uint64_t seed, int clients, RoundsConfig config, Faults faults)
      : random_(Seed(seed).child("schedule")), config_(config), faults_(faults) {
    for (int i = 0; i < clients; ++i) clients_.push_back(ClientId{"c" + std::to_string(i)});
    boot();
    for (const ClientId& client : clients_) connect(client);
  }

  /// False: the run did not end within any sensible time.
  bool run() {
    for (int steps = 0; steps < 200000 && !queue_.empty(); ++steps) {
      auto [when, what] = std::move(*queue_.begin());
      queue_.erase(queue_.begin());
      clock_.advance_to(when);
      what();
      if (finished_) return true;
    }
    return false;
  }

  std::string adapter = "v0";  ///< hash chain over the committed contributions
  std::vector<std::vector<ClientId>> committed;
  std::set<std::string> acknowledged;  ///< digests whose UpdateAccepted left the coordinator
  std::multiset<std::string> folded;   ///< digests that were committed
  std::size_t stale_updates = 0;       ///< committed, of plans of earlier rounds

 private:
  struct Link {
    int session = 0;
    bool up = false;
  };

  bool chance(double p) { return random_.uniform() < p; }
  void later(double seconds, std::function<void()> what) {
    queue_.emplace(clock_.now() + from_seconds(seconds), std::move(what));
  }

  // ---- the coordinator's host: what is "on disk" is state_

  void boot() {
    ++life_;
    alive_ = true;
    engine_ = std::make_unique<RoundEngine>(config_, "yaml", "run", Seed(7), clock_, state_);
    tell(EngineStarted{});
  }
  void tell(const RoundEvent& event) {
    const int life = life_;
    for (const RoundAction& action : engine_->handle(event)) {
      std::visit([this](const auto& a) { perform(a); }, action);
      if (life != life_) return;  // died on the way: the rest never happened
    }
  }
  void tell_later(double seconds, const RoundEvent& event) {
    later(seconds, [this, event, life = life_] {
      if (life == life_) tell(event);
    });
  }
  /// Dies before or after the write with probability `die`. @return false when dead
  bool persist(const std::function<void()>& write) {
    const bool die = chance(faults_.die);
    const bool after = chance(0.5);
    if (!die || after) write();
    if (!die) return true;
    ++life_;
    alive_ = false;
    for (auto& [client, link] : links_) link = {link.session + 1, false};
    later(1, [this] { boot(); });
    for (const ClientId& client : clients_)
      later(random_.uniform(1.1, 4), [this, client] { connect(client); });
    return false;
  }

  void perform(const SendTo& action) {
    if (const auto* accepted = std::get_if<UpdateAccepted>(&action.message))
      acknowledged.insert(accepted->payload_sha256);
    deliver(action.client, [this, client = action.client, message = action.message] {
      client_receives(client, message);
    });
  }
  void perform(const RequestUpdate& action) {
    deliver(action.client, [this, action, life = life_] {
      if (life == life_) tell(UpdateArrived{action.client, action.offer});
    });
  }
  void perform(const SetTimer& action) {
    tell_later(to_seconds(action.after), TimerFired{action.timer});
  }
  void perform(const RecordRoundOpened& action) {
    persist([&] { state_.open_cohort = action.cohort; });
  }
  void perform(const StoreUpdate& action) {
    const bool alive = persist([&] { state_.stored[action.client] = action.offer; });
    if (alive) tell_later(random_.uniform(0, 0.2), UpdateStored{action.client, action.offer});
  }
  void perform(const CommitRound& action) {
    const bool alive = persist([&] {
      std::string chain = adapter;
      for (const ClientId& client : action.contributors) {
        chain +=
            state_.stored.at(client).payload_sha256;  // throws if the engine counts what is not on disk
        const UpdateOffer& offer = state_.stored.at(client);
        folded.insert(offer.payload_sha256);
        REQUIRE(offer.base_version.value == offer.round.value - 1);
        const std::int64_t age = action.round.value - offer.round.value;
        REQUIRE(age >= 0);
        REQUIRE(age <= (config_.buffer_size > 0 ? config_.max_staleness : 0));
        stale_updates += age > 0 ? 1 : 0;
      }
      REQUIRE(action.round.value == state_.last_committed.value + 1);
      const Sha256Digest digest = sha256(chain);
      adapter = to_hex(digest);
      committed.push_back(action.contributors);
      state_ = RunState{AdapterVersion{action.round.value}, 1, adapter, action.round, false, {}, {}};
    });
    if (alive)
      tell_later(random_.uniform(0, 1),
                 RoundCommitted{state_.last_committed, state_.version, 1, adapter});
  }
  void perform(const RecordEvaluation& action) {
    REQUIRE(action.after_round == state_.last_committed);
    REQUIRE_FALSE(state_.evaluated);
    persist([&] { state_.evaluated = true; });
  }
  void perform(const RoundAbandoned&) {}
  void perform(const RunFinished&) { finished_ = true; }
  template <class Secure>
  void perform(const Secure&) {
    FAIL("updates come one by one here");
  }

  // ---- the network and the clients

  void deliver(const ClientId& client, std::function<void()> what) {
    const Link link = links_[client];
    if (!link.up || chance(faults_.drop)) return;
    for (int copies = chance(faults_.repeat) ? 2 : 1; copies > 0; --copies)
      later(random_.uniform(0.01, faults_.slowest_s), [this, client, session = link.session, what] {
        if (links_[client].up && links_[client].session == session) what();
      });
  }
  void to_coordinator(const ClientId& client, const RoundEvent& event) {
    if (chance(faults_.break_link)) return break_link(client);
    deliver(client, [this, event, life = life_] {
      if (life == life_) tell(event);
    });
  }
  void connect(const ClientId& client) {
    Link& link = links_[client];
    if (link.up) return;
    if (!alive_) return later(1, [this, client] { connect(client); });
    link = {link.session + 1, true};
    Hello hello;
    hello.train_examples = 5;
    tell_later(0.01, ClientArrived{client, hello});
  }
  void break_link(const ClientId& client) {
    if (!std::exchange(links_[client].up, false)) return;
    ++links_[client].session;
    tell_later(random_.uniform(0, 30), ClientLost{client});
    later(random_.uniform(31, 60), [this, client, session = links_[client].session] {
      if (links_[client].session == session) connect(client);  // unless it has been back meanwhile
    });
  }
  void client_receives(const ClientId& client, const Message& message) {
    const auto* plan = std::get_if<RoundPlan>(&message);
    if (plan == nullptr) return;
    if (plan->kind == PlanKind::kEvaluate) {
      EvaluationReport report;
      report.round = plan->round;
      report.version = plan->version;
      later(random_.uniform(0, 5), [this, client, report] {
        to_coordinator(client, EvaluationArrived{client, report});
      });
    } else {
      later(random_.uniform(1, 40),
            [this, client, offer = offer_of(client, plan->round, plan->version)] {
              to_coordinator(client, OfferArrived{client, offer});
            });
    }
  }

  ManualClock clock_;
  RandomStream random_;
  RoundsConfig config_;
  Faults faults_;
  RunState state_;
  std::vector<ClientId> clients_;
  std::map<ClientId, Link> links_;
  std::unique_ptr<RoundEngine> engine_;
  std::multimap<TimePoint, std::function<void()>> queue_;
  int life_ = 0;
  bool alive_ = false, finished_ = false;
};

RoundsConfig buffered_rounds(int cohort, int buffer) {
  RoundsConfig out;
  out.total = 5;
  out.cohort_size = cohort;
  out.buffer_size = buffer;
  out.max_staleness = 2;
  out.deadline_s = 100;
  out.evaluate_every = 3;
  return out;
}

RoundsConfig rounds(int cohort, int min_updates) {
  RoundsConfig out;
  out.total = 3;
  out.cohort_size = cohort;
  out.min_updates = min_updates;
  out.deadline_s = 100;
  out.evaluate_every = 2;
  return out;
}

Faults faults_of(std::uint64_t seed) {
  RandomStream random(Seed(seed).child("faults"));
  const auto often = [&](double most) { return random.uniform() < 0.3 ? 0 : random.uniform(0, most); };
  return {often(0.15), often(0.4), random.uniform(0.1, 60), often(0.2), often(0.15)};
}

void check_counted_once(const FaultyWorld& world) {
  for (const std::string& digest : world.folded) CHECK(world.folded.count(digest) == 1);
  for (const std::string& digest : world.acknowledged) CHECK(world.folded.contains(digest));
}

}  // namespace

TEST_CASE("faults: with the whole cohort asked for, every schedule ends in the same adapter") {
  FaultyWorld calm(0, 4, rounds(4, 0), Faults{});
  REQUIRE(calm.run());
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    CAPTURE(seed);
    FaultyWorld world(seed, 4, rounds(4, 0), faults_of(seed));
    REQUIRE(world.run());
    CHECK(world.committed.size() == 3);
    CHECK(world.adapter == calm.adapter);
    check_counted_once(world);
  }
}

TEST_CASE(
    "faults: with a partial cohort every schedule commits every round and loses no acknowledged "
    "update") {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    CAPTURE(seed);
    FaultyWorld world(seed, 7, rounds(4, 2), faults_of(seed));
    REQUIRE(world.run());
    CHECK(world.committed.size() == 3);
    for (const auto& contributors : world.committed) {
      CHECK(contributors.size() >= 2);
      CHECK(contributors.size() <= 4);
      CHECK(std::is_sorted(contributors.begin(), contributors.end()));
    }
    check_counted_once(world);
  }
}

TEST_CASE("faults: the same schedule twice is the same run") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    FaultyWorld first(seed, 7, rounds(4, 2), faults_of(seed)),
        second(seed, 7, rounds(4, 2), faults_of(seed));
    REQUIRE(first.run());
    REQUIRE(second.run());
    CHECK(first.adapter == second.adapter);
    CHECK(first.committed == second.committed);
  }
}

TEST_CASE(
    "faults: with a buffer every schedule commits full buffers, counts nothing twice and loses no "
    "acknowledged update") {
  std::size_t stale = 0;
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    CAPTURE(seed);
    FaultyWorld world(seed, 6, buffered_rounds(5, 2), faults_of(seed));
    REQUIRE(world.run());
    CHECK(world.committed.size() == 5);
    for (const auto& contributors : world.committed) {
      CHECK(contributors.size() >= 2);  // more when several reached the disk at once
      CHECK(contributors.size() <= 5);
      CHECK(std::is_sorted(contributors.begin(), contributors.end()));
    }
    check_counted_once(world);
    stale += world.stale_updates;
  }
  CHECK(stale > 500);
  FaultyWorld first(3, 6, buffered_rounds(5, 2), faults_of(3)),
      second(3, 6, buffered_rounds(5, 2), faults_of(3));
  REQUIRE(first.run());
  REQUIRE(second.run());
  CHECK(first.adapter == second.adapter);
}
