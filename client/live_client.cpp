#include "client/live_client.h"

#include <csignal>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "aggregation/travel.h"
#include "aggregation/version.h"
#include "client/adapter_fetch.h"
#include "client/client_agent.h"
#include "client/device_hello.h"
#include "client/device_memory.h"
#include "client/example_meter.h"
#include "client/local_worker.h"
#include "client/outbox.h"
#include "client/run_log.h"
#include "client/secure_seat.h"
#include "client/state_directory.h"
#include "configs/adapter.h"
#include "core/log.h"
#include "transport/client_link.h"

namespace fennec {
namespace {

// A coordinator reads its enrolments once a second and may be restarting: a device gives up after this
// long of nothing but refusals, and after this many.
constexpr double kRefusedSeconds = 10;
constexpr int kFewestRefusals = 3;
constexpr double kStallSeconds = 15;
constexpr auto kGoodbye = std::chrono::milliseconds(200);  // what the last message gets to leave

std::filesystem::path base_of(const RunOptions& options, const EnrolmentBundle& bundle) {
  if (!options.base.empty()) return options.base;
  return bundle.base.empty() ? ModelConfig{}.base : bundle.base;
}

std::filesystem::path state_of(const RunOptions& options) {
  return options.state.empty() ? std::filesystem::path(options.bundle.string() + ".state")
                               : options.state;
}

/// The host of a ClientAgent: socket, disk, timers and the work thread, all joined on one io thread.
class LiveClient {
 public:
  explicit LiveClient(const RunOptions& options)
      : bundle_(read_bundle(options.bundle)),
        base_(base_of(options, bundle_)),
        base_precision_(options.base_precision),
        data_(load_device_data(options.data)),
        state_(state_of(options)),
        outbox_(state_.outbox()),
        memory_(state_.path()),
        log_(options.json),
        hello_(device_hello(bundle_, base_, data_)),
        agent_(bundle_.run_id, hello_, clock_, outbox_.offer()),
        agent_timer_(io_),
        stall_timer_(io_),
        leave_timer_(io_),
        signals_(io_, SIGINT, SIGTERM) {}

  int run() {
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      take_leave(1, "interrupted; the same command goes on from here");
    });
    link_.emplace(io_, TransportConfig{}, bundle_, link_events());
    io_.run();
    return exit_code_;
  }

 private:
  // ---- the link

  ClientLinkEvents link_events() {
    ClientLinkEvents events;
    events.up = [this] {
      if (leaving_) return;
      refusals_ = 0;
      log_.connected(bundle_.endpoint);
      handle(LinkUp{});
    };
    events.down = [this] {
      if (leaving_) return io_.stop();
      log_.disconnected();
      handle(LinkDown{});
    };
    events.frame = [this](Frame frame) {
      if (!leaving_) on_frame(std::move(frame));
    };
    events.bad_frame = [](const Error& error) {
      log::warn("a message of the coordinator was not understood: {}", error.message);
    };
    events.refused = [this] {
      if (!leaving_) on_refused();
    };
    return events;
  }

  void on_refused() {
    log::warn(
        "{} refused the handshake: this device is not enrolled (any more), or the coordinator has "
        "another key",
        bundle_.endpoint);
    if (refusals_++ == 0) first_refusal_ = clock_.now();
    if (refusals_ >= kFewestRefusals && clock_.now() - first_refusal_ >= from_seconds(kRefusedSeconds))
      stop(1, "the coordinator does not admit " + bundle_.client + "; enrol it again");
  }

  void on_frame(Frame frame) {
    if (const auto* request = std::get_if<BulkRequest>(&frame.message)) return upload(*request);
    if (const auto* chunk = std::get_if<BulkChunk>(&frame.message))
      return download(*chunk, frame.payload);
    if (const auto* message = std::get_if<SecureFrame>(&frame.message)) {
      if (secure_) secure_->on_frame(*message, frame.payload);
      return;
    }
    if (const auto* welcome = std::get_if<Welcome>(&frame.message);
        welcome != nullptr && welcome->run_id == bundle_.run_id)
      prepare_run(*welcome);
    if (const auto* plan = std::get_if<RoundPlan>(&frame.message)) log_.planned(*plan);
    if (const auto* accepted = std::get_if<UpdateAccepted>(&frame.message)) {
      memory_.accepted(*accepted);
      log_.accepted(accepted->round);
    }
    if (const auto* rejected = std::get_if<UpdateRejected>(&frame.message)) log_.rejected(*rejected);
    const bool welcomed = std::holds_alternative<Welcome>(frame.message);
    handle(Received{std::move(frame.message)});
    if (welcomed) request_adapter();  // a transfer that a reconnect interrupted goes on
  }

  /// The first welcome brings the run's settings.
  void prepare_run(const Welcome& welcome) {
    if (experiment_) return;
    experiment_ = parse_experiment(welcome.experiment_yaml, "the coordinator's experiment");
    if (!base_precision_.empty()) experiment_->model.base_precision = base_precision_;
    link_->set_timing(experiment_->transport.heartbeat_s, experiment_->transport.peer_timeout_s);
    const AdapterPlan plan = plan_adapter(*experiment_, base_);
    const AggregationConfig& aggregation = experiment_->aggregation;
    fetch_.emplace(
        *experiment_, first_version(aggregation, ParameterSet(plan.layout)).layout(),
        [plan, &aggregation, seed = adapter_seed(*experiment_)] {
          return first_version(aggregation, initial_adapter(plan, seed));
        },
        state_.adapters());
    if (experiment_->privacy.secagg.is_on())
      secure_.emplace(bundle_, *experiment_, plan.layout, hello_.base_digest, state_.secure_memory(),
                      log_, [this](Frame frame) { return link_->send(std::move(frame)); });
    if (experiment_->privacy.example.is_on())
      meter_.emplace(*experiment_, data_.train.size(), read_spent(state_.spent_privacy()));
    LocalWorkerEvents events;
    events.resumed = [this](RoundId round, std::int64_t step) { log_.resumed(round, step); };
    events.trained = [this](TrainedUpdate update) {
      if (secure_) return hold(std::move(update));
      if (!update.memory.values.empty()) memory_.prepare(update.offer, update.memory.values);
      if (meter_) update.offer.metrics.emplace_back("example_epsilon", meter_->epsilon());
      outbox_.put(update.offer, std::move(update.payload));
      log_.trained(update.offer.round, update.report, update.offer.payload_bytes);
      handle(TrainingDone{update.offer});
    };
    events.evaluated = [this](EvaluationReport report) {
      log_.evaluated(report);
      handle(EvaluationDone{std::move(report)});
    };
    events.failed = [this](RoundId round, const Error& error) { fail_work(round, error); };
    events.broken = [](std::exception_ptr error) { std::rethrow_exception(std::move(error)); };
    worker_.emplace(
        io_, *experiment_,
        LocalWorkerFiles{base_, state_.checkpoint(), state_.prefix_cache(), hello_.base_digest}, data_,
        std::move(events));
  }

  void hold(TrainedUpdate update) {
    log_.trained(update.offer.round, update.report,
                 static_cast<std::int64_t>(update.delta.size() * sizeof(float)));
    handle(SecureTrainingDone{secure_->hold(training_, std::move(update))});
  }

  void upload(const BulkRequest& request) {
    if (secure_ && secure_->on_request(request)) return;
    const UpdateOffer* offer = agent_.pending_offer();
    if (offer == nullptr || !experiment_) return;
    const std::vector<std::byte>* payload = outbox_.payload(*offer);
    if (payload == nullptr)
      throw IoError(state_.outbox().string() +
                    ": the update that was offered is not readable any more");
    const BulkSender sender("update/" + std::to_string(offer->round.value), *payload,
                            experiment_->transport.chunk_bytes);
    const auto sent =
        sender.answer(request, [this](Frame chunk) { return link_->send(std::move(chunk)); });
    if (!sent) log::warn("a request of the coordinator was refused: {}", sent.error().message);
  }

  void download(const BulkChunk& chunk, std::span<const std::byte> payload) {
    if (!fetch_ || !fetch_->active()) return;
    auto progress = fetch_->accept(chunk, payload);
    if (!progress) return fail_work(preparing_.round, progress.error());
    if (progress->request) link_->send({*progress->request, {}});
    if (progress->adapter) adapter_ready(std::move(*progress->adapter));
  }

  void request_adapter() {
    if (!fetch_) return;
    if (const auto request = fetch_->request()) link_->send({*request, {}});
  }

  /// A lost request must not end a round: ask again when nothing has come for a while.
  void watch_for_stall(std::int64_t received) {
    stall_timer_.expires_after(std::chrono::milliseconds(static_cast<int>(kStallSeconds * 1000)));
    stall_timer_.async_wait([this, received](const boost::system::error_code& error) {
      if (error || !fetch_->active()) return;
      if (fetch_->received() == received) request_adapter();
      watch_for_stall(fetch_->received());
    });
  }

  // ---- the agent's wishes

  void handle(const AgentEvent& event) {
    if (leaving_) return;
    for (auto& action : agent_.handle(event)) std::visit([this](auto& a) { act(a); }, action);
  }

  void act(const SendMessage& a) { link_->send({a.message, {}}); }

  void act(const PrepareAdapter& a) {
    preparing_ = a.plan;
    auto adapter = fetch_->begin(a.plan);
    if (!adapter) return fail_work(a.plan.round, adapter.error());
    if (*adapter) return adapter_ready(std::move(**adapter));
    request_adapter();
    watch_for_stall(0);
  }

  void adapter_ready(ParameterSet adapter) {
    adapter_ = std::move(adapter);
    handle(AdapterReady{preparing_.version});
  }

  void act(const StartTraining& a) {
    training_ = a.plan;
    if (secure_ && secure_->is_spent(a.plan))
      return fail_work(a.plan.round,
                       {ErrorCode::kStale, "the update of this plan has been in a session"});
    if (meter_)
      if (const auto refused = spend(a.plan.round)) return fail_work(a.plan.round, *refused);
    DeviceMemory memory = memory_.current(travelling_layout(adapter_.layout(), Half::kBoth));
    worker_->train(a.plan, std::move(adapter_), std::move(memory));
  }
  /// On disk before a step of the round is taken. @return why there may be none
  std::optional<Error> spend(RoundId round) {
    const auto epsilon = meter_->spend();
    if (!epsilon) return epsilon.error();
    write_spent(state_.spent_privacy(), meter_->spent());
    log_.spends(round, *epsilon, experiment_->privacy.example);
    return std::nullopt;
  }
  void act(const StartEvaluation& a) { worker_->evaluate(a.plan, std::move(adapter_)); }
  void act(const CancelWork&) {
    worker_->cancel();
    fetch_->cancel();
  }
  void act(const DropUpdate& a) {
    outbox_.drop(a.round);
    if (secure_) secure_->forget();
    std::error_code ignored;
    std::filesystem::remove(state_.checkpoint(), ignored);
  }
  void act(const SetAgentTimer& a) {
    agent_timer_.expires_after(a.after);  // replaces the one before, which the agent has forgotten
    agent_timer_.async_wait([this, timer = a.timer](const boost::system::error_code& error) {
      if (!error) handle(AgentTimerFired{timer});
    });
  }
  void act(const Reconnect&) { link_->reconnect(); }
  void act(const Stop& a) {
    if (a.success) return take_leave(0, a.reason);
    stop(1, a.reason);
  }

  void fail_work(RoundId round, const Error& error) {
    log_.failed(round, error);
    handle(WorkFailed{round, error});
  }

  /// Says goodbye and ends once the coordinator has hung up, or a moment later.
  void take_leave(int exit_code, const std::string& reason) {
    if (std::exchange(leaving_, true)) return;
    exit_code_ = exit_code;
    log_.stopped(exit_code == 0, reason);
    if (worker_) worker_->cancel();
    link_->send({Goodbye{}, {}});
    leave_timer_.expires_after(kGoodbye);
    leave_timer_.async_wait([this](const boost::system::error_code&) { io_.stop(); });
  }

  void stop(int exit_code, const std::string& reason) {
    exit_code_ = exit_code;
    log_.stopped(exit_code == 0, reason);
    io_.stop();
  }

  EnrolmentBundle bundle_;
  std::filesystem::path base_;
  std::string base_precision_;  ///< empty: as the run says
  DeviceData data_;
  StateDirectory state_;
  Outbox outbox_;
  DeviceMemoryStore memory_;
  RunLog log_;
  SteadyClock clock_;
  Hello hello_;
  ClientAgent agent_;
  boost::asio::io_context io_;
  boost::asio::steady_timer agent_timer_, stall_timer_, leave_timer_;
  boost::asio::signal_set signals_;
  std::optional<ClientLink> link_;
  std::optional<Experiment> experiment_;
  std::optional<AdapterFetch> fetch_;
  std::optional<SecureSeat> secure_;   ///< under secure aggregation
  std::optional<ExampleMeter> meter_;  ///< under example-level differential privacy
  std::optional<LocalWorker> worker_;
  RoundPlan preparing_, training_;
  ParameterSet adapter_;  ///< prepared, not yet handed to the worker
  int refusals_ = 0;      ///< in a row
  TimePoint first_refusal_{};
  int exit_code_ = 1;
  bool leaving_ = false;
};

}  // namespace

int run_live_client(const RunOptions& options) { return LiveClient(options).run(); }

}  // namespace fennec
