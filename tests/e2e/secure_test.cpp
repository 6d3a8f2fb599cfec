// Secure aggregation over real CURVE sockets: the live server, and devices that do everything but
// train.
#include <atomic>
#include <cmath>
#include <functional>
#include <memory>
#include <mutex>
#include <sstream>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "client/client_agent.h"
#include "client/run_log.h"
#include "client/secure_seat.h"
#include "client/work_thread.h"
#include "coordinator/commands.h"
#include "coordinator/server.h"
#include "core/lora_layout.h"
#include "privacy/accountant.h"
#include "tests/e2e/federation.h"
#include "transport/client_link.h"

#include "tests/support/doctest_torch.h"

using namespace fennec;
using namespace fennec::test;

namespace {

constexpr int kValueBits = 16;
constexpr double kLimit = (1 << (kValueBits - 1)) - 1, kScale = 1 << 20;

std::vector<int> grid_delta(std::uint64_t seed, std::size_t values) {
  RandomStream draw(Seed(seed).child("grid"));
  std::vector<int> out(values);
  for (int& q : out) q = static_cast<int>(draw.below(2 * 32767)) - 32767;
  return out;
}

/// A device whose training is a draw on the ring's grid; everything else is what a live client runs.
class StubDevice {
 public:
  StubDevice(boost::asio::io_context& io, const std::filesystem::path& bundle,
             const Experiment& experiment, LayoutPtr layout, const std::string& base_digest,
             std::optional<SecAggStep> dies_before)
      : io_(io),
        bundle_(read_bundle(bundle)),
        experiment_(experiment),
        layout_(std::move(layout)),
        log_(false),
        seat_(bundle_, experiment_, layout_, base_digest, bundle.string() + ".secure.json", log_,
              [this](Frame frame) { return send_secure(std::move(frame)); }),
        agent_(bundle_.run_id, hello(base_digest), clock_),
        dies_before_(dies_before) {
    link_.emplace(io_, experiment_.transport, bundle_,
                  ClientLinkEvents{[this] { handle(LinkUp{}); }, [this] { handle(LinkDown{}); },
                                   [this](Frame frame) { receive(std::move(frame)); },
                                   [](const Error&) {}, [] {}});
  }

  std::vector<std::uint64_t> seeds;  ///< of the plans it trained
  bool finished = false, dead = false;

 private:
  Hello hello(const std::string& base_digest) const {
    Hello hello;
    hello.run_id = bundle_.run_id;
    hello.base_digest = base_digest;
    hello.train_examples = 5;
    return hello;
  }

  bool send_secure(Frame frame) {
    const bool vector = std::holds_alternative<SecureVector>(frame.message);
    const auto read = read_frame(frame.payload);
    const SecAggStep step = vector ? SecAggStep::kMasked : read ? read->step : SecAggStep::kAbort;
    if (dies_before_ == step) {
      dead = true;
      boost::asio::post(io_, [this] { link_.reset(); });  // power off: no goodbye
    }
    return !dead && link_->send(std::move(frame));
  }

  void receive(Frame frame) {
    if (dead) return;
    if (const auto* message = std::get_if<SecureFrame>(&frame.message))
      return seat_.on_frame(*message, frame.payload);
    if (const auto* request = std::get_if<BulkRequest>(&frame.message)) {
      seat_.on_request(*request);
      return;
    }
    if (std::holds_alternative<Finished>(frame.message)) finished = true;
    handle(Received{std::move(frame.message)});
  }

  void handle(const AgentEvent& event) {
    if (dead) return;
    for (auto& action : agent_.handle(event)) std::visit([this](auto& a) { act(a); }, action);
  }
  void act(const SendMessage& a) { link_->send({a.message, {}}); }
  void act(const PrepareAdapter& a) {
    boost::asio::post(io_, [this, version = a.plan.version] { handle(AdapterReady{version}); });
  }
  void act(const StartTraining& a) {
    seeds.push_back(a.plan.seed);
    TrainedUpdate update;
    update.delta = ParameterSet(layout_);
    const std::vector<int> grid = grid_delta(a.plan.seed, layout_->size());
    for (std::size_t i = 0; i < grid.size(); ++i)
      update.delta.values()[i] = static_cast<float>(static_cast<double>(grid[i]) / kScale);
    update.offer.supervised_tokens = 10;
    update.report.mean_loss = 1.5;
    const SecureReady ready = seat_.hold(a.plan, std::move(update));
    boost::asio::post(io_, [this, ready] { handle(SecureTrainingDone{ready}); });
  }
  void act(const StartEvaluation& a) {
    EvaluationReport nothing;
    nothing.round = a.plan.round;
    nothing.version = a.plan.version;
    boost::asio::post(io_, [this, nothing] { handle(EvaluationDone{nothing}); });
  }
  void act(const DropUpdate&) { seat_.forget(); }
  void act(const Stop&) { link_->send({Goodbye{}, {}}); }
  void act(const CancelWork&) {}
  void act(const SetAgentTimer&) {}
  void act(const Reconnect&) { link_->reconnect(); }

  boost::asio::io_context& io_;
  EnrolmentBundle bundle_;
  Experiment experiment_;
  LayoutPtr layout_;
  RunLog log_;
  SteadyClock clock_;
  std::optional<ClientLink> link_;
  SecureSeat seat_;
  ClientAgent agent_;
  std::optional<SecAggStep> dies_before_;
};

/// A run of stub devices in this process, every byte over loopback sockets.
struct StubFederation {
  StubFederation(int count, const std::function<void(Experiment&)>& change = {}) {
    write_tiny_base(dir / "base");
    experiment.name = "secure";
    experiment.model.base = (dir / "base").string();
    experiment.lora.rank = 2;
    experiment.rounds.total = 1;
    experiment.rounds.cohort_size = count;
    experiment.transport.listen = "tcp://127.0.0.1:*";
    experiment.rounds.deadline_s = 60;
    experiment.transport.chunk_bytes = 4096;
    experiment.transport.heartbeat_s = 0.5;
    experiment.transport.peer_timeout_s =
        4;  // before a phase ends, so that the dead are not asked again
    experiment.privacy.secagg.mode = "honest";
    experiment.privacy.secagg.value_bits = kValueBits;
    experiment.privacy.secagg.clip = kLimit / kScale;
    experiment.privacy.secagg.phase_deadline_s = 5;
    if (change) change(experiment);
    create_run(run, experiment);
    for (int i = 0; i < count; ++i) enroll_client({run.root, {}, name(i)});
    const Ledger ledger(run.ledger(), true);
    layout = ledger.layout();
    base_digest = ledger.identity().base_digest;
  }
  static std::string name(int i) { return "d" + std::to_string(i); }

  bool serve(const std::map<int, SecAggStep>& deaths) {
    for (int i = 0; i < experiment.rounds.cohort_size; ++i) {
      const auto fate = deaths.find(i);
      devices.push_back(std::make_unique<StubDevice>(
          io, run.bundle_of(name(i)), experiment, layout, base_digest,
          fate == deaths.end() ? std::nullopt : std::optional(fate->second)));
    }
    std::thread thread([&] {
      const auto work = boost::asio::make_work_guard(io);
      io.run();
    });
    const bool finished = Server(run, ServeOptions{true, {}}).run();
    io.stop();
    thread.join();
    return finished;
  }

  TempDir dir;
  Experiment experiment;
  RunDirectory run{dir / "run"};
  LayoutPtr layout;
  std::string base_digest;
  boost::asio::io_context io{1};
  std::vector<std::unique_ptr<StubDevice>> devices;
};

/// A run of three real clients whose coordinator is killed once a session holds masked updates.
void run_killed_once(Federation& federation) {
  std::vector<Process> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(federation.client(i));
  {
    Process coordinator = federation.serve();
    REQUIRE(
        eventually([&] { return federation.client_log(0).find("\"masked\"") != std::string::npos; }));
    coordinator.kill();
  }
  Process coordinator = federation.serve();
  CAPTURE(federation.coordinator_log());
  for (Process& client : clients) {
    REQUIRE(eventually([&] { return client.ended().has_value(); }));
    CHECK_MESSAGE(client.ended() == 0, client.output());
  }
  REQUIRE(eventually([&] { return coordinator.ended().has_value(); }));
  CHECK(coordinator.ended() == 0);
}

}  // namespace

TEST_CASE("secure e2e: twelve devices, three die at different steps, the sum is that of the others") {
  StubFederation federation(12);
  const std::map<int, SecAggStep> deaths = {
      {2, SecAggStep::kAdvertise}, {5, SecAggStep::kShares}, {9, SecAggStep::kMasked}};
  REQUIRE(federation.serve(deaths));
  const Ledger ledger(federation.run.ledger(), true);
  const std::vector<RoundRecord> rounds = ledger.rounds();
  REQUIRE(rounds.size() == 1);
  CHECK(rounds[0].participants.size() == 9);
  CHECK(rounds[0].secure.sums == 1);
  CHECK(rounds[0].loss == doctest::Approx(1.5).epsilon(0.01));
  std::vector<std::int64_t> sum(federation.layout->size());
  for (int i = 0; i < 12; ++i) {
    if (deaths.contains(i)) continue;
    CHECK(federation.devices[static_cast<std::size_t>(i)]->finished);
    const auto& seeds = federation.devices[static_cast<std::size_t>(i)]->seeds;
    REQUIRE(seeds.size() == 1);
    const std::vector<int> grid = grid_delta(seeds[0], sum.size());
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += grid[k];
  }
  const ParameterSet start =
      initial_lora(federation.layout, Seed(federation.experiment.seed).child("adapter_init"));
  const ParameterSet made =
      AdapterStore::open(federation.run.adapters(), federation.layout).read(AdapterVersion{1});
  for (std::size_t k = 0; k < sum.size(); ++k) {
    const float mean = static_cast<float>(static_cast<double>(sum[k]) * (1.0 / (kScale * 9)));
    REQUIRE(made.values()[k] == start.values()[k] + mean);
  }
  CHECK(read_text_file(federation.run.metrics()).find("\"kind\":\"secure\"") != std::string::npos);
  // A coordinator that would now have it otherwise.
  Experiment other = federation.experiment;
  other.privacy.secagg.survivors = 3;
  CHECK_THROWS_WITH_AS(StubDevice(federation.io, federation.run.bundle_of("d0"), other,
                                  federation.layout, federation.base_digest, std::nullopt),
                       doctest::Contains("settings"), IoError);
}

TEST_CASE("secure e2e: real clients add the noise; a sum lost with a killed coordinator is paid for") {
  Federation federation(3, 2, ", cohort_size: 3",
                        "privacy: {secagg: {mode: honest, phase_deadline_s: 20}, dp: {mechanism: "
                        "distributed, clip_norm: 0.5, noise_multiplier: 5, delta: 1.0e-5}}\n");
  run_killed_once(federation);
  const Ledger ledger(federation.run() / "ledger.sqlite", true);
  REQUIRE(ledger.rounds().size() == 2);
  const std::vector<PrivacyRelease> lines = ledger.privacy_releases();
  CHECK(lines.size() >= 2);
  const auto sums = static_cast<std::int64_t>(lines.size());
  CHECK(lines.back().epsilon ==
        doctest::Approx(epsilon_bound(Accounting::kRdp, {{1, 5, sums}}, 1e-5).epsilon));
  for (const RoundRecord& round : ledger.rounds()) {
    CHECK(round.codec == "ring of 32 bits, noised");
    CHECK(std::isnan(round.loss));
    CHECK(round.epsilon > 0);
  }
  // A device counts for itself: no session it took part in is missing from the coordinator's ledger.
  const std::string memory = read_text_file(federation.state(0) / "secure.json");
  const auto at = memory.find("\"releases\":");
  REQUIRE(at != std::string::npos);
  CHECK(std::stoll(memory.substr(at + 11)) <= sums);
  const std::string metrics = read_text_file(federation.run() / "metrics.jsonl");
  CHECK(metrics.find("coordinator in league") != std::string::npos);
  CHECK(read_text_file(federation.run() / "report.html").find("put to zero") != std::string::npos);
}

TEST_CASE("secure e2e: real clients, a coordinator killed in the middle, nothing secret on disk") {
  Federation federation(3, 3, ", cohort_size: 3",
                        "privacy: {clip_norm: 1, secagg: {mode: active, phase_deadline_s: 20}}\n");
  run_killed_once(federation);
  const Ledger ledger(federation.run() / "ledger.sqlite", true);
  const std::vector<RoundRecord> rounds = ledger.rounds();
  REQUIRE(rounds.size() == 3);
  for (const RoundRecord& round : rounds) {
    CHECK(round.secure.sums == 1);
    CHECK(round.participants.size() == 3);
    CHECK(std::isfinite(round.loss));
  }
  CHECK(std::filesystem::is_empty(federation.run() / "updates"));
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(std::filesystem::exists(federation.state(i) / "outbox" / "offer.cbor"));
    CHECK(std::filesystem::exists(federation.state(i) / "secure.json"));
  }
}
