#include "simulations/virtual_device.h"

#include <array>
#include <utility>

namespace fennec {

VirtualDevice::VirtualDevice(const Device& device, const DeviceSurroundings& around)
    : device_(device), around_(around) {
  if (around.make_meter)
    meter_ =
        around.make_meter(static_cast<std::size_t>(around.workload.train_examples(device.data_set)));
  restart();
}

void VirtualDevice::restart() {
  Hello hello;
  hello.run_id = around_.run_id;
  hello.train_examples = around_.workload.train_examples(device_.data_set);
  hello.cores = 1;
  trained_.in_this_life = false;
  agent_ = std::make_unique<ClientAgent>(around_.run_id, std::move(hello), around_.queue.clock());
  if (!around_.make_member) return;
  member_.reset();
  entropy_ =
      std::make_unique<SeededEntropy>(around_.seed.child("session_keys", device_.id.name, life_));
  member_ = around_.make_member(device_, memory_, *entropy_);
}

void VirtualDevice::connect() {
  online_ = true;
  handle(LinkUp{});
}

void VirtualDevice::receive(const Message& message) {
  if (!online_) return;
  if (const auto* accepted = std::get_if<UpdateAccepted>(&message);
      accepted != nullptr && outbox_ && outbox_->offer.payload_sha256 == accepted->payload_sha256)
    carried_ = outbox_->memory;
  handle(Received{message});
}

const LocalUpdate* VirtualDevice::outbox(const UpdateOffer& offer) const {
  const bool same = outbox_ && outbox_->offer.round == offer.round &&
                    outbox_->offer.payload_sha256 == offer.payload_sha256;
  return online_ && same ? &*outbox_ : nullptr;
}

void VirtualDevice::handle(const AgentEvent& event) {
  for (const AgentAction& action : agent_->handle(event))
    std::visit([this](const auto& a) { perform(a); }, action);
}

void VirtualDevice::later(Duration delay, std::function<void()> what) {
  around_.queue.after(delay, [this, life = life_, what = std::move(what)] {
    if (life == life_) what();
  });
}

// ---- what the agent asks for

void VirtualDevice::perform(const SendMessage& action) { around_.send(device_, action.message); }

void VirtualDevice::perform(const PrepareAdapter& action) {
  const AdapterVersion version = action.plan.version;
  if (version == cached_) return later(Duration{0}, [this, version] { handle(AdapterReady{version}); });
  const bool by_step = action.plan.step_bytes > 0 && cached_.value == version.value - 1;
  const std::int64_t bytes = by_step ? action.plan.step_bytes : action.plan.adapter_bytes;
  const double transfer_s = static_cast<double>(bytes) / device_.downlink_bytes_per_s;
  later(2 * device_.latency + from_seconds(transfer_s), [this, version, bytes] {
    cached_ = version;
    around_.downloaded(device_, bytes);
    handle(AdapterReady{version});
  });
}

void VirtualDevice::perform(const StartTraining& action) {
  const RoundPlan plan = action.plan;
  if (member_ && member_->is_spent(plan)) return refuse_spent(plan);
  if (meter_)
    if (const auto epsilon = meter_->spend(); !epsilon)
      return later(Duration{0}, [this, plan, error = epsilon.error()] {
        handle(WorkFailed{plan.round, error});
      });
  const double seconds =
      static_cast<double>(around_.workload.train_tokens(device_.data_set, trained_)) /
      device_.tokens_per_s;
  if (const auto part = fate(plan)) return later(from_seconds(*part * seconds), [this] { vanish(); });
  auto base = around_.adapter(plan.version);
  if (base == nullptr) return refuse_stale(plan);
  auto ticket = around_.pool.train(plan, std::move(base), carried_, device_.data_set);
  running_ = ticket.stop;
  later(from_seconds(seconds), [this, work = ++work_, plan, ticket = std::move(ticket), seconds] {
    finish_training(work, plan, ticket, seconds);
  });
}

void VirtualDevice::finish_training(std::uint64_t work, const RoundPlan& plan,
                                    const TrainingPool::Ticket<LocalUpdate>& ticket, double seconds) {
  if (work != work_) return;
  const Result<LocalUpdate>& update = ticket.result.get();
  if (!update) return handle(WorkFailed{plan.round, update.error()});
  trained_ = {true, true};
  if (member_) return hold(plan, *update);
  outbox_ = *update;
  outbox_->offer.train_seconds = seconds;
  if (meter_) outbox_->offer.metrics.emplace_back("example_epsilon", meter_->epsilon());
  handle(TrainingDone{outbox_->offer});
}

void VirtualDevice::perform(const StartEvaluation& action) {
  const RoundPlan plan = action.plan;
  if (!device_.evaluates) {
    EvaluationReport nothing;
    nothing.round = plan.round;
    nothing.version = plan.version;
    return later(Duration{0}, [this, nothing] { handle(EvaluationDone{nothing}); });
  }
  auto adapter = around_.adapter(plan.version);
  if (adapter == nullptr) return refuse_stale(plan);
  const double seconds =
      static_cast<double>(around_.workload.evaluation_tokens(device_.data_set)) / device_.tokens_per_s;
  auto ticket = around_.pool.evaluate(plan, std::move(adapter), device_.data_set);
  running_ = ticket.stop;
  later(from_seconds(seconds), [this, work = ++work_, plan, ticket = std::move(ticket)] {
    finish_evaluation(work, plan, ticket);
  });
}

void VirtualDevice::finish_evaluation(std::uint64_t work, const RoundPlan& plan,
                                      const TrainingPool::Ticket<EvaluationReport>& ticket) {
  if (work != work_) return;
  const Result<EvaluationReport>& report = ticket.result.get();
  if (!report) return handle(WorkFailed{plan.round, report.error()});
  handle(EvaluationDone{*report});
}

void VirtualDevice::refuse_stale(const RoundPlan& plan) {
  later(Duration{0}, [this, plan] {
    handle(WorkFailed{
        plan.round,
        {ErrorCode::kStale, "adapter version " + std::to_string(plan.version.value) + " is gone"}});
  });
}

void VirtualDevice::perform(const CancelWork&) {
  ++work_;
  running_.request_stop();
}

void VirtualDevice::perform(const DropUpdate& action) {
  if (outbox_ && outbox_->offer.round == action.round) outbox_.reset();
  if (member_) member_->forget();
}

void VirtualDevice::perform(const SetAgentTimer& action) {
  later(action.after, [this, timer = action.timer] { handle(AgentTimerFired{timer}); });
}

void VirtualDevice::perform(const Reconnect&) {
  later(Duration{0}, [this] { handle(LinkDown{}); });
  later(2 * device_.latency, [this] { connect(); });
}

void VirtualDevice::perform(const Stop&) { online_ = false; }

// ---- secure aggregation

void VirtualDevice::hold(const RoundPlan& plan, const LocalUpdate& update) {
  FENNEC_CHECK(update.delta != nullptr, "a workload keeps its deltas under secure aggregation");
  double loss = 0;
  for (const auto& [name, value] : update.offer.metrics)
    if (name == "loss") loss = value;
  member_->hold({plan.round, plan.seed, plan.adapter_sha256, update.delta->clone(),
                 update.offer.supervised_tokens, loss});
  leaves_before_ = session_fate(plan.round);
  handle(SecureTrainingDone{{plan.round, plan.version, plan.seed}});
}

void VirtualDevice::receive_frame(RoundId round, std::span<const std::byte> frame) {
  if (!online_) return;
  SecureAnswer answer = member_->handle(frame);
  if (answer.remember) memory_ = *answer.remember;
  for (std::vector<std::byte>& made : answer.frames) {
    const auto read = read_frame(made);
    FENNEC_CHECK(read.has_value(), "a frame of its own");
    if (leaves_before_ == read->step) return vanish();
    around_.send_frame(device_, round, std::move(made));
  }
}

std::optional<SecAggStep> VirtualDevice::session_fate(RoundId round) {
  if (around_.leaves_before) return around_.leaves_before(device_.id, round);
  constexpr std::array kSteps = {SecAggStep::kAdvertise, SecAggStep::kShares, SecAggStep::kMasked,
                                 SecAggStep::kUnmask};
  RandomStream draw(
      around_.seed.child("session", device_.id.name, static_cast<std::uint64_t>(round.value))
          .child("attempt", trainings_));
  if (draw.uniform() >= device_.session_dropout) return std::nullopt;
  return kSteps[draw.below(kSteps.size())];
}

void VirtualDevice::refuse_spent(const RoundPlan& plan) {
  later(Duration{0}, [this, plan] {
    handle(
        WorkFailed{plan.round, {ErrorCode::kStale, "the update of this plan has been in a session"}});
  });
}

// ---- vanishing

std::optional<double> VirtualDevice::fate(const RoundPlan& plan) {
  RandomStream draw(
      around_.seed.child("dropout", device_.id.name, static_cast<std::uint64_t>(plan.round.value))
          .child("attempt", trainings_++));
  if (draw.uniform() >= device_.dropout) return std::nullopt;
  return draw.uniform();
}

void VirtualDevice::vanish() {
  online_ = false;
  ++life_;
  ++work_;
  running_.request_stop();
  outbox_.reset();
  around_.vanished(device_);
  RandomStream draw(around_.seed.child("absence", device_.id.name, life_));
  later(from_seconds(around_.absence_s * draw.uniform(0.5, 1.5)), [this] {
    restart();
    connect();
  });
}

}  // namespace fennec
