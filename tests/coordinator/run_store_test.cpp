#include "coordinator/run_store.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "aggregation/control_variates.h"
#include "aggregation/travel.h"
#include "coordinator/commands.h"
#include "coordinator/round_figures.h"
#include "core/error.h"
#include "core/peft_directory.h"
#include "tests/coordinator/small_run.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using namespace fennec::test;

namespace {

const std::vector<ClientId> kClients = {{"a"}, {"b"}};
constexpr int kRounds = 2;

struct Crash {};

/// Does the next thing a run needs, from what the ledger says; true when the run is over.
bool advance(RunStore& store, int rounds, Travel travel) {
  const RunState state = store.ledger().run_state();
  if (state.last_committed.value == rounds) return true;
  const RoundId open{state.last_committed.value + 1};
  if (state.open_cohort.empty()) {
    store.round_opened(open, kClients);
    return false;
  }
  for (const ClientId& client : kClients)
    if (!state.stored.contains(client)) {
      const LayoutPtr sent = travelling_layout(store.layout(), half_of_round(travel, open));
      const FakeUpdate update = fake_update(sent, client.name, open, state.version);
      store.store_update(client, update.offer, update.bytes);
      return false;
    }
  store.commit(CommitRound{open, kClients, 1.5}, 100);
  return false;
}

std::string adapter_sha(const RunDirectory& run, int version) {
  return Ledger(run.ledger(), true).adapter(AdapterVersion{version})->sha256;
}

/// Runs the rounds, dying before the `crash_at`-th step of persistence. @return steps taken in all
int run_with_crash(const RunDirectory& run, std::optional<int> crash_at) {
  int steps = 0;
  const Travel travel = travel_of(run.load_experiment().aggregation);
  for (int life = 0; life < 2; ++life) {
    try {
      RunStore store(run, [&](const std::string&) {
        if (steps++ == crash_at && life == 0) throw Crash{};
      });
      while (!advance(store, kRounds, travel)) {
      }
      return steps;
    } catch (const Crash&) {
    }
  }
  return steps;
}

}  // namespace

namespace {

void check_crashes(const std::function<void(Experiment&)>& change) {
  const TempDir dir;
  write_tiny_base(dir / "base");
  Experiment experiment = small_experiment(dir / "base");
  experiment.aggregation.server_optimizer = "fedavgm";  // its moments must survive too
  change(experiment);
  const RunDirectory calm = enrolled_run(dir.path(), kClients, experiment);
  const int steps = run_with_crash(calm, std::nullopt);
  REQUIRE(steps > 15);
  const std::string expected = adapter_sha(calm, kRounds);
  for (int crash_at = 0; crash_at < steps; ++crash_at) {
    CAPTURE(crash_at);
    const TempDir here;
    const RunDirectory run = enrolled_run(here.path(), kClients, experiment);
    run_with_crash(run, crash_at);
    CHECK(adapter_sha(run, kRounds) == expected);
    const Ledger ledger(run.ledger(), true);
    REQUIRE(ledger.rounds().size() == kRounds);
    for (const RoundRecord& record : ledger.rounds())
      CHECK(record.participants.size() == kClients.size());
    CHECK(DiskUpdateStore(run.updates()).list().empty());
  }
}

void use_scaffold(Experiment& experiment) {
  experiment.aggregation.strategy = "scaffold";
  experiment.aggregation.rule.population = 5;
  experiment.train.optimizer = "sgd";
}

}  // namespace

TEST_CASE(
    "run store: a crash before any step leaves the old round or the new one, and the same adapter in "
    "the end") {
  check_crashes([](Experiment&) {});
}

TEST_CASE("run store: so it is with control variates, which belong to the version") {
  check_crashes(use_scaffold);
}

TEST_CASE("run store: so it is with steps for the downlink and a branch that absorbs the adapter") {
  check_crashes([](Experiment& experiment) {
    experiment.aggregation.strategy = "rolora";
    experiment.aggregation.rule.absorb_every = 2;
    experiment.aggregation.downlink = "int8";
  });
}

TEST_CASE("run store: control variates are fetched with a version, and PEFT's file has none") {
  const TempDir dir;
  write_tiny_base(dir / "base");
  Experiment experiment = small_experiment(dir / "base");
  use_scaffold(experiment);
  const RunDirectory run = enrolled_run(dir.path(), kClients, experiment);
  run_with_crash(run, std::nullopt);
  const AdapterStore store = AdapterStore::open(run.adapters(), Ledger(run.ledger()).layout());
  const ParameterSet version = store.read(AdapterVersion{1});
  const LayoutPtr trained = travelling_layout(version.layout(), Half::kBoth);
  REQUIRE(trained->size() * 2 == version.size());
  CHECK(store.file_bytes(AdapterVersion{1}) == write_safetensors(to_views(version)));
  const PeftAdapter stored = read_peft_directory(run.adapters() / "0001");
  CHECK(stored.tensors.size() == trained->size());
  std::vector<double> sum(trained->size(), 0);
  for (const ClientId& client : kClients) {
    const FakeUpdate update = fake_update(trained, client.name, RoundId{1}, AdapterVersion{0});
    const Result<ParameterSet> delta = decode_update(update.offer, update.bytes, version.layout());
    REQUIRE(delta);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(delta->values()[i]);
  }
  const ParameterSet start = store.read(AdapterVersion{0}), controls = controls_of(version);
  for (std::size_t i = 0; i < sum.size(); ++i) {  // 2 clients of 5, 2 steps each
    CHECK(static_cast<double>(version.values()[i] - start.values()[i]) ==
          doctest::Approx(sum[i] / 2).epsilon(1e-4));
    CHECK(static_cast<double>(controls.values()[i]) == doctest::Approx(-sum[i] / 2 / 5).epsilon(1e-4));
  }
}

TEST_CASE("run store: what a crash left behind is removed at the next start") {
  const TempDir dir;
  write_tiny_base(dir / "base");
  const RunDirectory run = enrolled_run(dir.path(), kClients, small_experiment(dir / "base"));
  {
    RunStore store(run);
    store.round_opened(RoundId{1}, kClients);
    const FakeUpdate update = fake_update(store.layout(), "a", RoundId{1}, AdapterVersion{0});
    store.store_update({"a"}, update.offer, update.bytes);
  }
  DiskUpdateStore updates(run.updates());
  updates.put(RoundId{1}, {"b"}, std::vector<std::byte>(3));  // written, not recorded
  write_file_atomically(run.updates() / "0001" / ".a.update.XyZ123", "torn");
  std::filesystem::create_directories(run.adapters() / "0001");
  write_file_atomically(run.adapters() / "0001" / "adapter_model.safetensors", "half a commit");
  RunStore store(run);
  CHECK(updates.list() == std::vector<std::pair<RoundId, ClientId>>{{RoundId{1}, {"a"}}});
  CHECK_FALSE(std::filesystem::exists(run.adapters() / "0001"));
  CHECK_FALSE(std::filesystem::exists(run.updates() / "0001" / ".a.update.XyZ123"));
  CHECK(store.ledger().run_state().stored.size() == 1);
}

TEST_CASE("run store: an update of an earlier plan counts into the open round, also after a restart") {
  const TempDir dir;
  write_tiny_base(dir / "base");
  Experiment experiment = small_experiment(dir / "base");
  experiment.aggregation.strategy = "fedbuff";
  experiment.rounds.buffer_size = 1;
  const RunDirectory run = enrolled_run(dir.path(), kClients, experiment);
  std::optional<FakeUpdate> late;
  {
    RunStore store(run);
    store.round_opened(RoundId{1}, kClients);
    const FakeUpdate update = fake_update(store.layout(), "a", RoundId{1}, AdapterVersion{0});
    late = fake_update(store.layout(), "b", RoundId{1}, AdapterVersion{0});
    store.store_update({"a"}, update.offer, update.bytes);
    REQUIRE(store.commit(CommitRound{RoundId{1}, {{"a"}}, 1}, 0));
    store.round_opened(RoundId{2}, kClients);
    store.store_update({"b"}, late->offer, late->bytes);
  }
  RunStore store(run);
  const RunState state = store.ledger().run_state();
  REQUIRE(state.stored.size() == 1);
  CHECK(state.stored.at({"b"}).round.value == 1);
  REQUIRE(store.commit(CommitRound{RoundId{2}, {{"b"}}, 1}, 0));
  const std::vector<RoundRecord> rounds = store.ledger().rounds();
  REQUIRE(rounds.size() == 2);
  CHECK(rounds[0].participants[0].staleness == 0);
  CHECK(rounds[1].participants[0].staleness == 1);
  CHECK(staleness_histogram(rounds) == std::vector<std::int64_t>{1, 1});
}

TEST_CASE("run store: a revoked client's stored update is not folded") {
  const TempDir dir;
  write_tiny_base(dir / "base");
  const RunDirectory run = enrolled_run(dir.path(), kClients, small_experiment(dir / "base"));
  RunStore store(run);
  store.round_opened(RoundId{1}, kClients);
  for (const ClientId& client : kClients) {
    const FakeUpdate update = fake_update(store.layout(), client.name, RoundId{1}, AdapterVersion{0});
    store.store_update(client, update.offer, update.bytes);
  }
  Ledger(run.ledger()).revoke({"b"});  // another process
  const RunState state = store.ledger().run_state();
  CHECK(state.open_cohort == std::vector<ClientId>{{"a"}});
  CHECK_FALSE(state.stored.contains({"b"}));
  const auto record = store.commit(CommitRound{RoundId{1}, {ClientId{"a"}}, 1}, 0);
  REQUIRE(record);
  CHECK(record->participants.size() == 1);
  CHECK(DiskUpdateStore(run.updates()).list().empty());
}

TEST_CASE(
    "run store: with every contributor revoked nothing is committed, and the round is as open as "
    "before") {
  const TempDir dir;
  write_tiny_base(dir / "base");
  const RunDirectory run = enrolled_run(dir.path(), kClients, small_experiment(dir / "base"));
  RunStore store(run);
  store.round_opened(RoundId{1}, kClients);
  const FakeUpdate update = fake_update(store.layout(), "b", RoundId{1}, AdapterVersion{0});
  store.store_update({"b"}, update.offer, update.bytes);
  Ledger(run.ledger()).revoke({"b"});
  CHECK_FALSE(store.commit(CommitRound{RoundId{1}, {ClientId{"b"}}, 1}, 0));
  CHECK(store.ledger().run_state().open_cohort == std::vector<ClientId>{{"a"}});
  CHECK(store.ledger().rounds().empty());
}

TEST_CASE("run store: a missing or damaged stored update is dropped at the next start, not fatal") {
  const TempDir dir;
  write_tiny_base(dir / "base");
  const RunDirectory run = enrolled_run(dir.path(), kClients, small_experiment(dir / "base"));
  const auto store_all = [](RunStore& store) {
    for (const ClientId& client : kClients) {
      const FakeUpdate update = fake_update(store.layout(), client.name, RoundId{1}, AdapterVersion{0});
      store.store_update(client, update.offer, update.bytes);
    }
  };
  {
    RunStore store(run);
    store.round_opened(RoundId{1}, kClients);
    store_all(store);
  }
  const std::filesystem::path round = run.updates() / "0001";
  const auto permissions = [](const std::filesystem::path& path) {
    return std::filesystem::status(path).permissions() & std::filesystem::perms::mask;
  };
  using std::filesystem::perms;
  CHECK(permissions(run.updates()) == perms::owner_all);
  CHECK(permissions(round) == perms::owner_all);
  CHECK(permissions(round / "a.update") == (perms::owner_read | perms::owner_write));
  std::filesystem::remove(round / "a.update");
  write_file_atomically(round / "b.update", "damaged");
  RunStore store(run);
  const RunState state = store.ledger().run_state();
  CHECK(state.stored.empty());
  CHECK(state.open_cohort == kClients);
  CHECK_FALSE(std::filesystem::exists(round / "b.update"));
  store_all(store);
  REQUIRE(store.commit(CommitRound{RoundId{1}, kClients, 1}, 0));
}

TEST_CASE(
    "run: init refuses what is there, enrol and revoke keep names unique, a changed experiment is "
    "noticed") {
  const TempDir dir;
  write_tiny_base(dir / "base");
  const RunDirectory run = enrolled_run(dir.path(), kClients, small_experiment(dir / "base"));
  CHECK_THROWS_AS(create_run(run, small_experiment(dir / "base")), ConfigError);
  Ledger ledger(run.ledger());
  CHECK_THROWS_AS(ledger.enroll({"a"}, "another key"), ConfigError);
  CHECK_THROWS_AS(ledger.revoke({"nobody"}), ConfigError);
  ledger.revoke({"a"});
  CHECK_THROWS_AS(ledger.enroll({"a"}, "another key"), ConfigError);
  CHECK_THROWS_AS(enroll_client({run.root, {}, "../x"}), ConfigError);
  CHECK((std::filesystem::status(run.server_key()).permissions() & std::filesystem::perms::mask) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));

  write_file_atomically(run.experiment(), read_text_file(run.experiment()) + "\nname: other\n");
  CHECK_THROWS(RunStore(run));
  const RunDirectory nothing{dir / "nothing"};
  CHECK_THROWS_AS(nothing.load_experiment(), ConfigError);
  Experiment no_base = small_experiment(dir / "no such base");
  CHECK_THROWS_AS(create_run(nothing, no_base), IoError);
  CHECK_FALSE(std::filesystem::exists(nothing.root));
}

TEST_CASE("run: bundles never hold an address that only means 'everywhere'") {
  const TempDir dir;
  write_tiny_base(dir / "base");
  Experiment experiment = small_experiment(dir / "base");
  const RunDirectory run = enrolled_run(dir.path(), kClients, experiment);
  CHECK(advertised_endpoint(run, experiment).starts_with("tcp://127.0.0.1:"));
  CHECK(advertised_endpoint(run, experiment) == listen_endpoint(run, experiment));
  experiment.transport.listen = "tcp://0.0.0.0:7443";
  CHECK_THROWS_AS(advertised_endpoint(run, experiment), ConfigError);
  experiment.transport.advertise = "tcp://hub.example:7443";
  CHECK(advertised_endpoint(run, experiment) == "tcp://hub.example:7443");
}

TEST_CASE("status and export: what the ledger holds") {
  const TempDir dir;
  write_tiny_base(dir / "base");
  Experiment experiment = small_experiment(dir / "base");
  experiment.rounds.total = kRounds;
  const RunDirectory run = enrolled_run(dir.path(), kClients, experiment);
  run_with_crash(run, std::nullopt);
  const std::string text = status_text({run.root, false});
  CHECK(text.find("2 of 2 rounds committed") != std::string::npos);
  CHECK(text.find("client a") != std::string::npos);
  const std::string json = status_text({run.root, true});
  CHECK(json.find("\"rounds_committed\": 2") != std::string::npos);
  export_adapter({run.root, dir / "out", std::int64_t{2}});
  CHECK(read_binary_file(dir / "out/adapter_model.safetensors") ==
        read_binary_file(run.adapters() / "0002/adapter_model.safetensors"));
  CHECK_THROWS_AS(export_adapter({run.root, dir / "out", std::int64_t{9}}), ConfigError);
}

TEST_CASE("where a half is frozen, every version is a whole PEFT adapter, and only the rest travels") {
  const TempDir dir;
  write_tiny_base(dir / "base");
  Experiment experiment = small_experiment(dir / "base");
  experiment.rounds.total = kRounds;
  experiment.lora.method = "ffa_lora";
  const RunDirectory run = enrolled_run(dir.path(), kClients, experiment);
  run_with_crash(run, std::nullopt);
  const PeftAdapter first = read_peft_directory(run.adapters() / "0000"),
                    last = read_peft_directory(run.adapters() / "0002");
  const AdapterStore store = AdapterStore::open(run.adapters(), Ledger(run.ledger()).layout());
  const ParameterSet trained = store.read(AdapterVersion{2});
  CHECK(trained.size() < last.tensors.size());
  for (const ParameterEntry& entry : last.tensors.layout()->entries()) {
    CAPTURE(entry.name);
    const bool travels = entry.name.ends_with(".lora_B.weight");
    CHECK((trained.layout()->find(entry.name) != nullptr) == travels);
    CHECK(std::ranges::equal(last.tensors.values(entry), first.tensors.values(entry)) != travels);
  }
  CHECK(store.file_bytes(AdapterVersion{2}) == write_safetensors(to_views(trained)));
  export_adapter({run.root, dir / "out", std::int64_t{2}});
  CHECK(read_binary_file(dir / "out/adapter_model.safetensors") ==
        read_binary_file(run.adapters() / "0002/adapter_model.safetensors"));
}
