// Rounds under secure aggregation as the engine sees them: who counts as ready, what is due, what a
// restart leaves.
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>

#include "coordinator/round_engine.h"
#include "privacy/secagg_client.h"
#include "tests/coordinator/engine_driver.h"

using namespace fennec;
using namespace fennec::test;

namespace {

LayoutPtr small_layout() {
  return std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"x", {20}}});
}

Experiment experiment_of(int devices) {
  Experiment e;
  e.rounds.total = 2;
  e.rounds.cohort_size = devices;
  e.rounds.deadline_s = 60;
  e.privacy.clip_norm = 1;
  e.privacy.secagg.mode = "honest";
  e.privacy.secagg.phase_deadline_s = 10;
  return e;
}

/// An engine with devices that have keys and vectors, and messages in between.
class World {
 public:
  explicit World(int devices, RunState state = {}) : experiment_(experiment_of(devices)) {
    SeededEntropy entropy(Seed(1));
    signing_ = SigningKey::generate(entropy);
    authority_ = SigningKey::generate(entropy);
    Roster roster;
    roster.epoch = 1;
    for (int i = 0; i < devices; ++i) {
      const ClientId client{"d" + std::to_string(i)};
      RosterEntry entry;
      entry.uid = static_cast<std::uint32_t>(i + 1);
      keys_[client] = SigningKey::generate(entropy);
      entry.signing_key = keys_[client].public_key();
      entropy.fill(entry.curve_key);
      entry.not_after = 1000;
      roster.entries.push_back(entry);
      directory.uids[client] = entry.uid;
    }
    directory.roster = sign_roster(roster, authority_);
    auto secure = std::make_unique<SecureRounds>(experiment_, small_layout(), "base",
                                                 SecureKeys{signing_.clone(), authority_.public_key()},
                                                 std::make_unique<SeededEntropy>(Seed(2)));
    engine.emplace(experiment_.rounds, "experiment", "run", Seed(7), clock, std::move(state),
                   CohortRule{}, std::move(secure));
    take(engine->handle(DirectoryRead{directory}));
    take(engine->handle(EngineStarted{}));
  }

  void on(const RoundEvent& event) { take(engine->handle(event)); }
  /// Everybody says hello and evaluates; the plans are out then.
  void arrive_and_evaluate() {
    for (const auto& [client, uid] : directory.uids) on(ClientArrived{client, hello()});
    for (const auto& [client, uid] : directory.uids) {
      EvaluationReport report;
      report.round = RoundId{0};
      on(EvaluationArrived{client, report});
    }
  }
  static Hello hello() {
    Hello hello;
    hello.train_examples = 5;
    return hello;
  }
  SecureReady ready_of(const ClientId& client) const {
    const RoundPlan& plan = plans.at(client);
    return {plan.round, plan.version, plan.seed};
  }
  void ready(const ClientId& client) {
    const SecAggPlan plan = secagg_plan(experiment_, small_layout(), plans.at(client).round);
    entropies_.push_back(
        std::make_unique<SeededEntropy>(Seed(3).child("client", directory.uids.at(client))));
    sessions[client] = std::make_unique<SecAggClient>(
        SecAggIdentity{directory.uids.at(client), keys_.at(client).clone(), signing_.public_key(),
                       authority_.public_key()},
        session_policy(plan, session_model("base", "")), SecAggMemory{}, 0, *entropies_.back());
    on(SecureReadyArrived{client, ready_of(client)});
  }
  /// Carries frames to and fro until nothing is under way.
  void run() {
    while (!frames.empty()) {
      const SendSecureFrame sent = std::move(frames.front());
      frames.pop_front();
      SecAggClient& session = *sessions.at(sent.client);
      answer(sent.client, session.handle(sent.frame));
      if (!session.wants_vector()) continue;
      std::vector<std::uint32_t> vector(session.params().coding.length(), 0);
      for (std::size_t i = 0; i < session.params().coding.values; ++i)
        vector[i] = directory.uids.at(sent.client) * 100 + static_cast<std::uint32_t>(i);
      answer(sent.client, session.mask(std::move(vector)));
    }
  }
  void wait(double seconds) {
    clock.advance_to(clock.now() + from_seconds(seconds));
    on(TimerFired{timer});
  }

  ManualClock clock;
  SecureDirectory directory;
  std::optional<RoundEngine> engine;
  std::map<ClientId, RoundPlan> plans;
  std::map<ClientId, std::unique_ptr<SecAggClient>> sessions;
  std::deque<SendSecureFrame> frames;
  std::vector<RoundAbandoned> abandoned;
  std::vector<NoteSecureFault> faults;
  std::vector<RequestVector> requests;
  std::vector<RecordRoundOpened> opened;
  std::vector<RecordSum> sums;
  std::optional<RunFinished> finished;
  std::optional<CommitSums> commit;
  std::uint64_t timer = 0;

 private:
  void answer(const ClientId& client, SecAggReaction reaction) {
    if (reaction.frame) on(SecureFrameArrived{client, std::move(*reaction.frame)});
  }
  void take(std::vector<RoundAction> actions) {
    bool sent_frames = false;
    for (RoundAction& action : actions) {
      sent_frames = sent_frames || std::holds_alternative<SendSecureFrame>(action);
      if (auto* sent = std::get_if<SendTo>(&action))
        if (auto* plan = std::get_if<RoundPlan>(&sent->message);
            plan != nullptr && plan->kind == PlanKind::kTrain)
          plans[sent->client] = *plan;
      if (auto* frame = std::get_if<SendSecureFrame>(&action)) frames.push_back(std::move(*frame));
      if (auto* why = std::get_if<RoundAbandoned>(&action)) abandoned.push_back(*why);
      if (auto* fault = std::get_if<NoteSecureFault>(&action)) faults.push_back(*fault);
      if (auto* request = std::get_if<RequestVector>(&action)) requests.push_back(*request);
      if (auto* round = std::get_if<RecordRoundOpened>(&action)) opened.push_back(*round);
      if (auto* sum = std::get_if<RecordSum>(&action)) {
        CHECK_FALSE(sent_frames);  // nothing of its sessions left before
        sums.push_back(*sum);
      }
      if (auto* over = std::get_if<RunFinished>(&action)) finished = *over;
      if (auto* made = std::get_if<CommitSums>(&action)) commit = std::move(*made);
      if (auto* set = std::get_if<SetTimer>(&action)) timer = set->timer;
    }
  }

  Experiment experiment_;
  SigningKey signing_, authority_;
  std::map<ClientId, SigningKey> keys_;
  std::vector<std::unique_ptr<SeededEntropy>> entropies_;
};

const ClientId kFirst{"d0"};

}  // namespace

TEST_CASE("secure engine: ready, summed, committed") {
  World world(4);
  world.arrive_and_evaluate();
  REQUIRE(world.plans.size() == 4);
  for (const auto& [client, uid] : world.directory.uids) world.ready(client);
  CHECK(world.engine->phase() == EnginePhase::kSumming);
  CHECK(world.frames.size() == 4);
  world.run();
  REQUIRE(world.commit);
  CHECK(world.engine->phase() == EnginePhase::kAggregating);
  REQUIRE(world.commit->sums.size() == 1);
  const SecureSum& sum = world.commit->sums[0];
  CHECK(sum.survivors.size() == 4);
  for (std::uint32_t i = 0; i < 20; ++i) CHECK(sum.sum[i] == 100 * (1 + 2 + 3 + 4) + 4 * i);
  CHECK(world.commit->bytes_up > 0);
  CHECK(world.faults.empty());
  world.on(RoundCommitted{RoundId{1}, AdapterVersion{1}, 4, std::string(64, 'a')});
  CHECK(world.plans.at(kFirst).round.value == 2);
}

TEST_CASE("secure engine: only who is on the roster and answers this opening's plan is ready") {
  World world(4);
  world.arrive_and_evaluate();
  SecureReady stale = world.ready_of(kFirst);
  stale.seed += 1;
  world.on(SecureReadyArrived{kFirst, stale});
  CHECK_FALSE(world.engine->open_round()->is_ready(kFirst));
  SecureDirectory without = world.directory;
  without.uids.erase(kFirst);
  world.on(DirectoryRead{without});
  world.on(SecureReadyArrived{kFirst, world.ready_of(kFirst)});
  REQUIRE(world.faults.size() == 1);
  CHECK(world.faults[0].what.find("roster") != std::string::npos);
  CHECK(world.engine->open_round()->has_failed(kFirst));
  for (const auto& [client, uid] : without.uids) world.ready(client);
  world.run();  // the other three are enough
  REQUIRE(world.commit);
  CHECK(world.commit->sums[0].survivors.size() == 3);
}

TEST_CASE("secure engine: a vector that is not due is not fetched, a late frame changes nothing") {
  World world(4);
  world.arrive_and_evaluate();
  const SecureVector early{RoundId{1}, 100, std::string(64, 'a')};
  world.on(SecureVectorOffered{kFirst, early});
  CHECK(world.requests.empty());
  CHECK(world.faults.empty());  // no sum is open: late or early, nobody's fault
  for (const auto& [client, uid] : world.directory.uids) world.ready(client);
  world.on(SecureVectorOffered{kFirst, early});
  CHECK(world.requests.empty());
  CHECK(world.faults.size() == 1);
  world.on(SecureFrameArrived{kFirst, {}});
  world.on(SecureFrameArrived{ClientId{"stranger"}, {}});
  CHECK(world.faults.size() == 3);
  world.run();
  REQUIRE(world.commit);
  world.on(SecureFrameArrived{kFirst, std::vector<std::byte>(300)});
  CHECK(world.faults.size() == 3);
}

TEST_CASE("secure engine: too few at a step's deadline: another opening, other seeds") {
  World world(4);
  world.arrive_and_evaluate();
  const std::map<ClientId, RoundPlan> before = world.plans;
  for (const auto& [client, uid] : world.directory.uids) world.ready(client);
  world.frames.clear();  // nobody gets a word
  world.wait(10);
  REQUIRE(world.abandoned.size() == 1);
  CHECK(world.abandoned[0].abort == "too-few");
  CHECK(world.opened.size() == 2);
  CHECK(world.engine->phase() == EnginePhase::kTraining);
  for (const auto& [client, plan] : world.plans) CHECK(plan.seed != before.at(client).seed);
}

TEST_CASE("secure engine: a restart opens the round again under another number") {
  RunState state;
  state.evaluated = true;
  state.openings = 3;
  for (int i = 0; i < 4; ++i) state.open_cohort.push_back(ClientId{"d" + std::to_string(i)});
  World plain(4);
  plain.arrive_and_evaluate();
  World world(4, state);
  REQUIRE(world.abandoned.size() == 1);
  CHECK(world.abandoned[0].reason == "the coordinator was restarted");
  CHECK(world.opened.size() == 1);
  for (const auto& [client, uid] : world.directory.uids)
    world.on(ClientArrived{client, World::hello()});
  for (const auto& [client, plan] : world.plans) CHECK(plan.seed != plain.plans.at(client).seed);
  for (const auto& [client, uid] : world.directory.uids) world.ready(client);
  world.run();
  CHECK(world.commit);
}

TEST_CASE("secure engine: a sum is recorded before its first frame, and again when it is tried again") {
  World world(4);
  world.arrive_and_evaluate();
  CHECK(world.sums.empty());
  for (const auto& [client, uid] : world.directory.uids) world.ready(client);
  REQUIRE(world.sums.size() == 1);
  CHECK(world.sums[0].opening == 1);
  world.frames.clear();
  world.wait(10);
  for (const auto& [client, uid] : world.directory.uids) world.ready(client);
  REQUIRE(world.sums.size() == 2);
  CHECK(world.sums[1].round == RoundId{1});
  CHECK(world.sums[1].opening == 2);
}

TEST_CASE("secure engine: no sum beyond those that are left, and the run ends in order") {
  World world(4);
  world.engine->limit_sums(2);
  world.arrive_and_evaluate();
  for (const auto& [client, uid] : world.directory.uids) world.ready(client);
  world.frames.clear();
  world.wait(10);  // the first is lost
  for (const auto& [client, uid] : world.directory.uids) world.ready(client);
  world.run();
  REQUIRE(world.commit);
  world.on(RoundCommitted{RoundId{1}, AdapterVersion{1}, 4, std::string(64, 'a')});
  CHECK(world.opened.size() == 2);  // no second round
  CHECK(world.engine->phase() == EnginePhase::kEvaluating);
  for (const auto& [client, uid] : world.directory.uids) {
    EvaluationReport report;
    report.round = RoundId{1};
    report.version = AdapterVersion{1};
    world.on(EvaluationArrived{client, report});
  }
  REQUIRE(world.finished);
  CHECK(world.finished->version == AdapterVersion{1});
  CHECK(world.sums.size() == 2);

  World lost(4);
  lost.engine->limit_sums(1);
  lost.arrive_and_evaluate();
  for (const auto& [client, uid] : lost.directory.uids) lost.ready(client);
  lost.frames.clear();
  lost.wait(10);  // and with it the run
  REQUIRE(lost.abandoned.size() == 1);
  CHECK(lost.abandoned[0].reason.find("allows no further sum") != std::string::npos);
  REQUIRE(lost.finished);
  CHECK(lost.finished->version == AdapterVersion{0});
}

TEST_CASE("secure engine: a client that is revoked while the sum is made is not waited for") {
  World world(4);
  world.arrive_and_evaluate();
  for (const auto& [client, uid] : world.directory.uids) world.ready(client);
  std::erase_if(world.frames, [](const SendSecureFrame& frame) { return frame.client == kFirst; });
  world.on(ClientRevoked{kFirst});
  world.run();
  REQUIRE(world.commit);
  CHECK(world.commit->sums[0].survivors.size() == 3);
}

TEST_CASE("secure engine: a member that says hello again gets its last frame again") {
  World world(4);
  world.arrive_and_evaluate();
  for (const auto& [client, uid] : world.directory.uids) world.ready(client);
  const auto first = std::find_if(world.frames.begin(), world.frames.end(),
                                  [](const SendSecureFrame& frame) { return frame.client == kFirst; });
  REQUIRE(first != world.frames.end());
  const std::vector<std::byte> open = first->frame;
  world.frames.erase(first);  // lost on the way
  world.on(ClientArrived{kFirst, World::hello()});
  REQUIRE(!world.frames.empty());
  CHECK(world.frames.back().frame == open);
  world.run();
  CHECK(world.commit);
}
