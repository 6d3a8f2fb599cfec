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
    CHECK((federation.adapter(kRounds) == undisturbed_adapter()));
  }
  CHECK(kills >= 20);
}

TEST_CASE("a device killed in the middle of training resumes, with the bytes of an undisturbed run") {
  Federation federation(kClients, kRounds, kCohort);
  Process coordinator = federation.serve();
  std::vector<Process> clients;
  for (int i = 0; i < kClients; ++i) clients.push_back(federation.client(i));
  for (int kills = 0; kills < 3; ++kills) {
    if (!eventually([&] {
          return coordinator.ended() ||
                 std::filesystem::exists(federation.state(0) / "training.checkpoint");
        }))
      break;
    clients[0].kill();
    clients[0] = federation.client(0);
  }
  const bool ended = eventually([&] { return coordinator.ended().has_value(); });
  CAPTURE(federation.coordinator_log());
  CAPTURE(federation.client_log(0));
  REQUIRE(ended);
  CHECK((federation.adapter(kRounds) == undisturbed_adapter()));
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
