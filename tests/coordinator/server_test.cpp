// The live server over loopback sockets, with clients that have no model: good ones, and each kind of
// bad one.
#include "coordinator/server.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <thread>

#include "coordinator/commands.h"
#include "coordinator/commit.h"
#include "core/lora_layout.h"
#include "tests/coordinator/loopback_client.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using namespace fennec::test;

namespace {

const std::vector<std::string> kNames = {"ann", "bob", "cy"};

struct ServedRun {
  explicit ServedRun(const std::function<void(Experiment&)>& change = {}) {
    write_tiny_base(dir / "base");
    experiment = small_experiment(dir / "base");
    if (change) change(experiment);
    run = {dir / "run"};
    create_run(run, experiment);
    for (const std::string& name : kNames) enroll_client({run.root, {}, name});
    const Ledger ledger(run.ledger(), true);
    layout = ledger.layout();
    base_digest = ledger.identity().base_digest;
  }

  LoopbackClient& add(const std::string& name, LoopbackClient::Spoil spoil = {},
                      const std::string& base = "") {
    clients.push_back(std::make_unique<LoopbackClient>(io, experiment.transport, run.bundle_of(name),
                                                       layout, base.empty() ? base_digest : base,
                                                       std::move(spoil)));
    return *clients.back();
  }

  /// Serves on this thread, the clients on another, until the run is over.
  bool serve() {
    std::thread devices([&] {
      const auto work = boost::asio::make_work_guard(io);
      io.run();
    });
    bool finished = false;
    {
      Server server(run, ServeOptions{true, {}});
      try {
        finished = server.run();
      } catch (const BudgetSpent& error) {
        over_budget = error.what();
      }
    }
    io.stop();
    devices.join();
    return finished;
  }

  /// What the contributors' updates should have made, folded here without any server.
  std::string expected_adapter(const std::vector<std::string>& contributors) const {
    ParameterSet adapter = initial_lora(layout, Seed(experiment.seed).child("adapter_init"));
    const auto aggregator = make_aggregator(experiment.aggregation);
    const auto optimizer = make_server_optimizer(experiment.aggregation);
    for (int round = 1; round <= experiment.rounds.total; ++round) {
      MemoryUpdateStore updates;
      std::map<ClientId, UpdateOffer> offers;
      for (const std::string& name : contributors) {
        const FakeUpdate update = fake_update(layout, name, RoundId{round}, AdapterVersion{round - 1});
        updates.put(RoundId{round}, {name}, update.bytes);
        offers.emplace(ClientId{name}, update.offer);
      }
      adapter = commit_round(RoundId{round}, adapter, offers, updates, *aggregator, *optimizer).adapter;
    }
    const Sha256Digest digest = sha256(adapter_file_bytes(adapter));
    return to_hex(digest);
  }
  std::string made_adapter() const {
    return Ledger(run.ledger(), true).adapter(AdapterVersion{experiment.rounds.total})->sha256;
  }

  TempDir dir;
  Experiment experiment;
  RunDirectory run;
  LayoutPtr layout;
  std::string base_digest;
  boost::asio::io_context io{1};
  std::vector<std::unique_ptr<LoopbackClient>> clients;
  std::string over_budget;  ///< what serve() was told, if it was
};

}  // namespace

TEST_CASE("server: three clients, three rounds, the adapter their updates make") {
  ServedRun served;
  for (const std::string& name : kNames) served.add(name);
  REQUIRE(served.serve());
  CHECK(served.made_adapter() == served.expected_adapter(kNames));
  for (const auto& client : served.clients) {
    CHECK(client->accepted == 3);
    CHECK(client->adapters == 2);  // version 0 is made from the seed
    CHECK(client->finished);
  }
  const Ledger ledger(served.run.ledger(), true);
  CHECK(ledger.evaluations().size() == 2);
  CHECK(ledger.rounds().at(1).bytes_down == 3 * ledger.adapter(AdapterVersion{1})->bytes);
  CHECK(read_text_file(served.run.report()).find("</html>") != std::string::npos);
  CHECK(read_text_file(served.run.metrics()).find("\"round\":3") != std::string::npos);
}

TEST_CASE(
    "server: with a buffer nobody is waited for, and the adapter is what the ledger says went in") {
  ServedRun served([](Experiment& e) {
    e.aggregation.strategy = "fedbuff";
    e.rounds.buffer_size = 2;
    e.rounds.total = 6;
  });
  for (const std::string& name : kNames) served.add(name);
  REQUIRE(served.serve());
  const Ledger ledger(served.run.ledger(), true);
  const std::vector<RoundRecord> rounds = ledger.rounds();
  REQUIRE(rounds.size() == 6);
  ParameterSet adapter =
      initial_lora(served.layout, Seed(served.experiment.seed).child("adapter_init"));
  const auto aggregator = make_aggregator(served.experiment.aggregation);
  const auto optimizer = make_server_optimizer(served.experiment.aggregation);
  for (const RoundRecord& record : rounds) {
    CHECK(record.participants.size() >= 2);
    MemoryUpdateStore updates;
    std::map<ClientId, UpdateOffer> offers;
    for (const ParticipantRecord& p : record.participants) {
      const RoundId planned{record.round.value - p.staleness};
      const FakeUpdate update =
          fake_update(served.layout, p.client.name, planned, AdapterVersion{planned.value - 1});
      CHECK(update.offer.payload_sha256 == p.payload_sha256);
      updates.put(record.round, p.client, update.bytes);
      offers.emplace(p.client, update.offer);
    }
    adapter = commit_round(record.round, adapter, offers, updates, *aggregator, *optimizer).adapter;
  }
  const Sha256Digest digest = sha256(adapter_file_bytes(adapter));
  CHECK(served.made_adapter() == to_hex(digest));
  for (const auto& client : served.clients) CHECK(client->finished);
}

TEST_CASE("server: the privacy budget ends a run early, and every epsilon says what it means") {
  const double two_rounds = epsilon_bound(Accounting::kRdp, {{1, 3, 2}}, 1e-5).epsilon;
  ServedRun served([&](Experiment& e) {
    e.privacy.dp.mechanism = "central";
    e.privacy.dp.clip_norm = 2;
    e.privacy.dp.noise_multiplier = 3;
    e.privacy.dp.delta = 1e-5;
    e.privacy.dp.epsilon = two_rounds + 1e-6;
    e.privacy.dp.sampling = "poisson";
    e.privacy.dp.population = e.rounds.cohort_size;  // a rate of 1: everyone, every time
  });
  for (const std::string& name : kNames) served.add(name);
  CHECK_FALSE(served.serve());
  CHECK(served.over_budget.find("after round 2 of 3") != std::string::npos);
  for (const auto& client : served.clients) CHECK(client->finished);
  const Ledger ledger(served.run.ledger(), true);
  REQUIRE(ledger.rounds().size() == 2);
  CHECK(ledger.rounds()[1].epsilon == doctest::Approx(two_rounds));
  CHECK(ledger.evaluations().size() == 2);
  CHECK(std::filesystem::exists(served.run.keys() / "cohort.key"));
  const std::string report = read_text_file(served.run.report()),
                    metrics = read_text_file(served.run.metrics());
  CHECK(report.find("unit: all data of one device") != std::string::npos);
  CHECK(report.find("Participants") == std::string::npos);  // cohorts are secret
  CHECK(metrics.find("\"kind\":\"privacy\",\"round\":2") != std::string::npos);
  CHECK(metrics.find("\"adversary\":\"whoever sees") != std::string::npos);
}

TEST_CASE("server: a bad update costs its sender that update, and nobody else anything") {
  struct Case {
    const char* what;
    ErrorCode code;
    LoopbackClient::Spoil spoil;
  };
  const auto seal = [](FakeUpdate& update) {
    update.offer.payload_bytes = static_cast<std::int64_t>(update.bytes.size());
    const Sha256Digest digest = sha256(update.bytes);
    update.offer.payload_sha256 = to_hex(digest);
  };
  const std::vector<Case> cases = {
      {"truncated", ErrorCode::kMalformed,
       [&](FakeUpdate& u) {
         u.bytes.resize(u.bytes.size() / 2);
         seal(u);
       }},
      {"oversized", ErrorCode::kMalformed, [](FakeUpdate& u) { u.offer.payload_bytes = 1LL << 29; }},
      {"other digest", ErrorCode::kMalformed,
       [](FakeUpdate& u) { u.offer.payload_sha256 = std::string(64, 'a'); }},
      {"noise", ErrorCode::kMalformed,
       [&](FakeUpdate& u) {
         u.bytes.assign(500, std::byte{0x5a});
         seal(u);
       }},
      {"NaN", ErrorCode::kNumeric,
       [&](FakeUpdate& u) {
         const float nan = std::numeric_limits<float>::quiet_NaN();
         std::memcpy(u.bytes.data() + u.bytes.size() - sizeof nan, &nan, sizeof nan);
         seal(u);
       }},
      {"1e38", ErrorCode::kNumeric,
       [&](FakeUpdate& u) {
         const float huge = 1e38F;
         std::memcpy(u.bytes.data() + u.bytes.size() - sizeof huge, &huge, sizeof huge);
         seal(u);
       }},
      {"other layout", ErrorCode::kMismatch,
       [](FakeUpdate& u) { u.offer.layout_digest = std::string(64, 'b'); }},
      {"other codec", ErrorCode::kMismatch, [](FakeUpdate& u) { u.offer.codec = "int1"; }},
      {"no weight", ErrorCode::kMalformed, [](FakeUpdate& u) { u.offer.supervised_tokens = 0; }},
      {"too much weight", ErrorCode::kMalformed,
       [](FakeUpdate& u) { u.offer.supervised_tokens = 1LL << 39; }},
  };
  for (const Case& c : cases) {
    CAPTURE(std::string(c.what));
    ServedRun served;
    served.add("ann");
    served.add("bob");
    int round = 0;
    LoopbackClient& bad = served.add("cy", [&](FakeUpdate& update) {
      if (++round == 2) c.spoil(update);
    });
    REQUIRE(served.serve());
    REQUIRE(bad.rejected.size() == 1);
    CHECK(bad.rejected[0].code == c.code);
    CHECK(bad.accepted == 2);
    CHECK(served.clients[0]->accepted == 3);
    CHECK(served.clients[0]->rejected.empty());
    const auto rounds = Ledger(served.run.ledger(), true).rounds();
    CHECK(rounds.at(0).participants.size() == 3);
    CHECK(rounds.at(1).participants.size() == 2);
    CHECK(rounds.at(2).participants.size() == 3);
  }
}

TEST_CASE(
    "server: another base model, an unknown key and a revoked one stay outside; the run goes on "
    "without them") {
  ServedRun served;
  for (const std::string& name : kNames) served.add(name);
  enroll_client({served.run.root, {}, "other-base"});
  enroll_client({served.run.root, {}, "revoked"});
  revoke_client({served.run.root, "revoked"});
  EnrolmentBundle stranger = read_bundle(served.run.bundle_of("ann"));
  stranger.client = "stranger";
  stranger.keys = generate_curve_keys();
  write_bundle(served.run.bundle_of("stranger"), stranger);
  LoopbackClient& other_base = served.add("other-base", {}, std::string(64, '0'));
  LoopbackClient& revoked = served.add("revoked");
  LoopbackClient& unknown = served.add("stranger");
  REQUIRE(served.serve());
  CHECK(served.made_adapter() == served.expected_adapter(kNames));
  REQUIRE(other_base.refused.size() >= 1);
  CHECK(other_base.refused[0].code == ErrorCode::kMismatch);
  CHECK(other_base.accepted == 0);
  CHECK(revoked.accepted == 0);
  CHECK(unknown.accepted == 0);
  CHECK(revoked.refused.empty());  // it never got as far as a message
}

TEST_CASE("server: a run that is over says so and ends; a second `serve` beside it is refused") {
  ServedRun served;
  for (const std::string& name : kNames) served.add(name);
  REQUIRE(served.serve());
  const std::string adapter = served.made_adapter();
  const Server first(served.run, {});
  CHECK_THROWS_AS(Server(served.run, {}), ConfigError);
  CHECK(served.made_adapter() == adapter);
}
