#include <sstream>

#include "coordinator/ledger.h"
#include "tests/e2e/federation.h"

#include "tests/support/doctest_torch.h"

using namespace fennec;
using namespace fennec::test;

namespace {

constexpr int kClients = 3, kRounds = 5;
const std::string kCohort = ", cohort_size: 3";

/// Runs to the end with nobody harmed.
void complete(Federation& federation) {
  Process coordinator = federation.serve();
  std::vector<Process> clients;
  for (int i = 0; i < kClients; ++i) clients.push_back(federation.client(i));
  for (Process& client : clients) {
    const bool ended = eventually([&] { return client.ended().has_value(); });
    CAPTURE(client.output());
    CAPTURE(federation.coordinator_log());
    REQUIRE(ended);
    CHECK_MESSAGE(client.ended() == 0, client.output());
  }
  CAPTURE(federation.coordinator_log());
  REQUIRE(eventually([&] { return coordinator.ended().has_value(); }));
  CHECK(coordinator.ended() == 0);
}

/// What the undisturbed run makes; once for all tests.
const std::vector<std::byte>& undisturbed_adapter() {
  static const std::vector<std::byte> bytes = [] {
    Federation federation(kClients, kRounds, kCohort);
    complete(federation);
    return federation.adapter(kRounds);
  }();
  return bytes;
}

bool ends_well(Process& process) {
  return eventually([&] { return process.ended().has_value(); }) && process.ended() == 0;
}

/// The number after `"key":` in every JSON line of this event.
std::vector<int> numbers_of(const std::string& log, const std::string& event, const std::string& key) {
  std::vector<int> numbers;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const auto at = line.find("\"" + key + "\":");
    if (line.starts_with("{\"event\":\"" + event + "\"") && at != std::string::npos)
      numbers.push_back(std::stoi(line.substr(at + key.size() + 3)));
  }
  return numbers;
}

std::vector<int> resumed_steps(const std::string& log) { return numbers_of(log, "resumed", "step"); }

/// Every round counts each device exactly once, and what a device heard was accepted is counted.
void check_counted_once(const Federation& federation) {
  const Ledger ledger(federation.run() / "ledger.sqlite", /*read_only=*/true);
  const std::vector<RoundRecord> rounds = ledger.rounds();
  REQUIRE(rounds.size() == kRounds);
  for (const RoundRecord& round : rounds) {
    CAPTURE(round.round.value);
    REQUIRE(round.participants.size() == kClients);
    for (int i = 0; i < kClients; ++i)
      CHECK(round.participants[static_cast<std::size_t>(i)].client.name == Federation::name(i));
    std::int64_t counted = 0;
    for (const ParticipantRecord& participant : round.participants) counted += participant.num_examples;
    CHECK(round.num_examples == counted);
  }
  for (int i = 0; i < kClients; ++i)
    for (const int round : numbers_of(federation.client_log(i), "accepted", "round"))
      CHECK((round >= 1 && round <= kRounds));
}

}  // namespace

TEST_CASE("three devices and a coordinator finish five rounds, and again with the same bytes") {
  Federation federation(kClients, kRounds, kCohort);
  complete(federation);
  CHECK((federation.adapter(kRounds) == undisturbed_adapter()));
  CHECK((federation.adapter(kRounds) != federation.adapter(0)));
  for (int i = 0; i < kClients; ++i)
    CHECK(occurrences(federation.client_log(i), "\"event\":\"accepted\"") == kRounds);
}

TEST_CASE("a coordinator killed twenty times ends with the bytes of an undisturbed run") {
  RandomStream random(Seed(20).child("kills"));
  int kills = 0;
  for (int attempt = 0; kills < 20 && attempt < 10; ++attempt) {
    Federation federation(kClients, kRounds, kCohort);
    Process coordinator = federation.serve();
    std::vector<Process> clients;
    for (int i = 0; i < kClients; ++i) clients.push_back(federation.client(i));
    while (kills < 20 && !coordinator.ended()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20 + random.below(900)));
      if (coordinator.ended()) break;
      coordinator.kill();
      ++kills;
      coordinator = federation.serve();
    }
    const bool ended = eventually([&] { return coordinator.ended().has_value(); });
    CAPTURE(federation.coordinator_log());
    REQUIRE(ended);
    CHECK(coordinator.ended() == 0);
    for (Process& client : clients) CHECK_MESSAGE(ends_well(client), client.output());
    check_counted_once(federation);
    CHECK((federation.adapter(kRounds) == undisturbed_adapter()));
  }
  CHECK(kills >= 20);
}

TEST_CASE("a device killed in the middle of training resumes, with the bytes of an undisturbed run") {
  constexpr int kFewRounds = 2, kManySteps = 200;  // long enough to be hit in the middle
  Federation calm(kClients, kFewRounds, kCohort, "", kManySteps);
  complete(calm);
  Federation federation(kClients, kFewRounds, kCohort, "", kManySteps);
  Process coordinator = federation.serve();
  std::vector<Process> clients;
  for (int i = 0; i < kClients; ++i) clients.push_back(federation.client(i));
  const auto training = [&] {  // some steps are saved, and no finished update is on disk yet
    return std::filesystem::exists(federation.state(0) / "training.checkpoint") &&
           !std::filesystem::exists(federation.state(0) / "outbox" / "offer.cbor");
  };
  int kills = 0;
  while (kills < 3 && eventually([&] { return coordinator.ended() || training(); }) &&
         !coordinator.ended()) {
    clients[0].kill();
    ++kills;
    clients[0] = federation.client(0);
    eventually([&] {  // each kill is of a process that went on from the one before
      return coordinator.ended() ||
             resumed_steps(federation.client_log(0)).size() == static_cast<std::size_t>(kills);
    });
  }
  const bool ended = eventually([&] { return coordinator.ended().has_value(); });
  CAPTURE(federation.coordinator_log());
  CAPTURE(federation.client_log(0));
  REQUIRE(ended);
  CHECK(kills >= 1);
  const std::vector<int> steps = resumed_steps(federation.client_log(0));
  CHECK(steps.size() >= 1);
  for (const int step : steps) {
    CHECK(step > 1);
    CHECK(step <= kManySteps);
  }
  for (Process& client : clients) CHECK(ends_well(client));
  CHECK((federation.adapter(kFewRounds) == calm.adapter(kFewRounds)));
}

TEST_CASE(
    "a device without test examples answers every evaluation with nothing and takes part to the end") {
  constexpr int kManyRounds = 6;  // and an evaluation before, after and between
  Federation federation(kClients, kManyRounds, kCohort + ", evaluate_every: 1");
  write_device_data(federation.file("data"), {Federation::name(0), switch_examples(0, 24), {}});
  complete(federation);
  const Ledger ledger(federation.run() / "ledger.sqlite", /*read_only=*/true);
  CHECK(ledger.rounds().size() == kManyRounds);
  REQUIRE(ledger.evaluations().size() == kManyRounds + 1);
  for (const EvaluationRecord& evaluation : ledger.evaluations()) {
    CHECK(evaluation.clients == kClients - 1);
    CHECK(evaluation.num_examples == 6 * (kClients - 1));
  }
}
