#include "client/client_agent.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace fennec {
namespace {

constexpr double kWelcomeSeconds = 20;  // a coordinator that is up answers a hello at once
constexpr double kShortestWait = 1;
constexpr double kIdleSeconds =
    600;  // after this long without a word we ask whether there is something for us
constexpr int kMostFailures = 5;

bool same_task(const RoundPlan& a, const RoundPlan& b) {
  return a.round == b.round && a.kind == b.kind && a.version == b.version && a.seed == b.seed;
}

}  // namespace

ClientAgent::ClientAgent(std::string run_id, Hello hello, const Clock& clock,
                         std::optional<UpdateOffer> outbox)
    : run_id_(std::move(run_id)), hello_(std::move(hello)), clock_(clock), offer_(std::move(outbox)) {}

std::vector<AgentAction> ClientAgent::handle(const AgentEvent& event) {
  if (!stopped_) std::visit([this](const auto& e) { on(e); }, event);
  return std::exchange(out_, {});
}

// ---- the link

void ClientAgent::on(const LinkUp&) {
  welcomed_ = false;
  say_hello();
}

void ClientAgent::on(const LinkDown&) {
  welcomed_ = false;
  ++timer_;  // nobody is there to answer
}

void ClientAgent::say_hello() {
  offered_ = false;
  send(hello_);
  set_timer(kWelcomeSeconds);
}

void ClientAgent::on(const AgentTimerFired& event) {
  if (event.timer != timer_) return;
  if (!welcomed_) {
    out_.emplace_back(Reconnect{});
  } else if (!task_) {
    say_hello();
  }
}

// ---- messages

void ClientAgent::on(const Received& event) {
  std::visit([this](const auto& message) { on_message(message); }, event.message);
}

void ClientAgent::on_message(const Welcome& welcome) {
  if (welcome.run_id != run_id_)
    return stop(false, "the coordinator serves run '" + welcome.run_id +
                           "', this device is enrolled in '" + run_id_ + "'");
  welcomed_ = true;
  set_timer(kWelcomeSeconds);  // a plan or a wait follows
}

void ClientAgent::on_message(const RoundPlan& plan) {
  if (!welcomed_) return;  // of an earlier session; the answer to our hello is on its way
  if (offer_ && plan.version > offer_->base_version) drop_offer();
  const bool done = offer_ && plan.kind == PlanKind::kTrain && plan.round == offer_->round &&
                    plan.version == offer_->base_version;
  if (done) return offer();
  const bool ready = ready_ && plan.kind == PlanKind::kTrain && plan.round == ready_->round &&
                     plan.version == ready_->base_version && plan.seed == ready_->seed;
  if (ready) return say_ready();
  if (ready_ && plan.kind == PlanKind::kTrain) drop_ready();
  const bool reported = report_ && plan.kind == PlanKind::kEvaluate && plan.round == report_->round &&
                        plan.version == report_->version;
  if (reported) return report();
  if (task_ && same_task(task_->plan, plan)) {
    task_->deadline = clock_.now() + from_seconds(plan.deadline_s);
    return;
  }
  start(plan);
}

void ClientAgent::on_message(const UpdateAccepted& accepted) {
  if (offer_ && offer_->round == accepted.round && offer_->payload_sha256 == accepted.payload_sha256)
    drop_offer();
}

void ClientAgent::on_message(const UpdateRejected& rejected) {
  if (offer_ && offer_->round == rejected.round) drop_offer();
}

void ClientAgent::on_message(const Wait& wait) {
  if (!welcomed_) return;
  cancel();                          // the round went on without us
  if (offer_ && !offered_) offer();  // it may be stored already, or its round over: the answer tells
  if (ready_ && !offered_) say_ready();
  set_timer(std::max(wait.retry_after_s, kShortestWait));
}

void ClientAgent::on_message(const Finished& finished) {
  if (offer_) drop_offer();
  if (ready_) drop_ready();
  cancel();
  stop(true, "the run is finished at adapter version " + std::to_string(finished.version.value));
}

void ClientAgent::on_message(const Refused& refused) {
  cancel();
  stop(false, "the coordinator refused this client (" + std::string(to_string(refused.code)) +
                  "): " + refused.reason);
}

// ---- work

void ClientAgent::start(const RoundPlan& plan) {
  cancel();
  ++timer_;
  task_ = Task{plan, clock_.now() + from_seconds(plan.deadline_s), Stage::kPreparing};
  out_.emplace_back(PrepareAdapter{plan});
}

void ClientAgent::cancel() {
  if (!task_) return;
  task_.reset();
  out_.emplace_back(CancelWork{});
}

void ClientAgent::on(const AdapterReady& event) {
  if (!task_ || task_->stage != Stage::kPreparing || event.version != task_->plan.version) return;
  task_->stage = Stage::kWorking;
  RoundPlan plan = task_->plan;
  plan.deadline_s = std::max(0.0, to_seconds(task_->deadline - clock_.now()));
  if (plan.kind == PlanKind::kTrain)
    out_.emplace_back(StartTraining{plan});
  else
    out_.emplace_back(StartEvaluation{plan});
}

void ClientAgent::on(const TrainingDone& event) {
  const bool expected = task_ && task_->plan.kind == PlanKind::kTrain &&
                        event.offer.round == task_->plan.round &&
                        event.offer.base_version == task_->plan.version;
  if (!expected) {
    if (!offer_ || offer_->round != event.offer.round) out_.emplace_back(DropUpdate{event.offer.round});
    return;
  }
  task_.reset();
  failures_ = 0;
  offer_ = event.offer;
  offered_ = false;
  if (welcomed_) offer();
}

void ClientAgent::on(const SecureTrainingDone& event) {
  const bool expected =
      task_ && task_->plan.kind == PlanKind::kTrain && event.ready.round == task_->plan.round &&
      event.ready.base_version == task_->plan.version && event.ready.seed == task_->plan.seed;
  if (!expected) {
    out_.emplace_back(DropUpdate{event.ready.round});
    return;
  }
  task_.reset();
  failures_ = 0;
  ready_ = event.ready;
  offered_ = false;
  if (welcomed_) say_ready();
}

void ClientAgent::on(const EvaluationDone& event) {
  const bool expected = task_ && task_->plan.kind == PlanKind::kEvaluate &&
                        event.report.round == task_->plan.round &&
                        event.report.version == task_->plan.version;
  if (!expected) return;
  task_.reset();
  failures_ = 0;
  report_ = event.report;
  if (welcomed_) report();
}

void ClientAgent::on(const WorkFailed& event) {
  if (!task_ || event.round != task_->plan.round) return;
  task_.reset();
  if (welcomed_) {
    send(TrainingFailed{event.round, event.error.code, event.error.message});
    set_timer(kIdleSeconds);
  }
  if (++failures_ >= kMostFailures)
    stop(false, "the work failed " + std::to_string(failures_) +
                    " times in a row, last: " + event.error.message);
}

// ---- the outbox

void ClientAgent::offer() {
  offered_ = true;
  send(*offer_);
  set_timer(kIdleSeconds);
}

void ClientAgent::say_ready() {
  offered_ = true;
  send(*ready_);
  set_timer(kIdleSeconds);
}

void ClientAgent::drop_ready() {
  out_.emplace_back(DropUpdate{ready_->round});
  ready_.reset();
}

void ClientAgent::report() {
  send(*report_);
  set_timer(kIdleSeconds);
}

void ClientAgent::drop_offer() {
  out_.emplace_back(DropUpdate{offer_->round});
  offer_.reset();
}

void ClientAgent::stop(bool success, std::string reason) {
  stopped_ = true;
  out_.emplace_back(Stop{success, std::move(reason)});
}

void ClientAgent::set_timer(double seconds) {
  out_.emplace_back(SetAgentTimer{++timer_, from_seconds(seconds)});
}

}  // namespace fennec
