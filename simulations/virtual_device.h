#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "client/client_agent.h"
#include "client/example_meter.h"
#include "client/secure_member.h"
#include "core/rng.h"
#include "simulations/device_population.h"
#include "simulations/event_queue.h"
#include "simulations/training_pool.h"

namespace fennec {

/// What a device has around it; shared by all devices of a run.
struct DeviceSurroundings {
  EventQueue& queue;
  TrainingPool& pool;
  Workload& workload;
  Seed seed;
  std::string run_id;
  double absence_s = 0;  ///< mean time a vanished device stays away
  /// Sends a message up; the coordinator's side adds the latency.
  std::function<void(const Device&, Message)> send;
  /// The adapter of a version; null when the coordinator no longer has it.
  std::function<std::shared_ptr<const ParameterSet>(AdapterVersion)> adapter;
  std::function<void(const Device&, std::int64_t bytes)> downloaded;
  std::function<void(const Device&)> vanished;
  /// Under example-level differential privacy; null: there is none.
  std::function<ExampleMeter(std::size_t examples)> make_meter;
  // Under secure aggregation:
  /// Null: it is off.
  std::function<std::unique_ptr<SecureMember>(const Device&, const SecureMemory&, Entropy&)>
      make_member;
  std::function<void(const Device&, RoundId, std::vector<std::byte>)> send_frame;
  /// The step of this round's session before which the device vanishes; null or nothing: by its
  /// profile.
  std::function<std::optional<SecAggStep>(const ClientId&, RoundId)> leaves_before;
};

/// One emulated device: a real ClientAgent whose link, disk and trainer exist in virtual time.
/// Computing takes tokens / speed, a transfer bytes / bandwidth plus latency. It may vanish while it
/// trains (power, memory, network: whatever it was doing is lost) and then comes back as a restarted
/// client. Event loop only.
class VirtualDevice {
 public:
  VirtualDevice(const Device& device, const DeviceSurroundings& around);

  const Device& device() const { return device_; }
  bool online() const { return online_; }
  std::uint64_t life() const { return life_; }  ///< changes when it vanishes

  void connect();                        ///< the link is up: the agent says hello
  void receive(const Message& message);  ///< now, if it is online
  void receive_frame(RoundId round, std::span<const std::byte> frame);
  /// The bytes of an offer it has made; null when it no longer has them.
  const LocalUpdate* outbox(const UpdateOffer& offer) const;

 private:
  void restart();
  void handle(const AgentEvent& event);
  void later(Duration delay, std::function<void()> what);  ///< unless it vanishes before

  void perform(const SendMessage& action);
  void perform(const PrepareAdapter& action);
  void perform(const StartTraining& action);
  void perform(const StartEvaluation& action);
  void perform(const CancelWork& action);
  void perform(const DropUpdate& action);
  void perform(const SetAgentTimer& action);
  void perform(const Reconnect& action);
  void perform(const Stop& action);

  void finish_training(std::uint64_t work, const RoundPlan& plan,
                       const TrainingPool::Ticket<LocalUpdate>& ticket, double seconds);
  void finish_evaluation(std::uint64_t work, const RoundPlan& plan,
                         const TrainingPool::Ticket<EvaluationReport>& ticket);
  void refuse_stale(const RoundPlan& plan);
  void refuse_spent(const RoundPlan& plan);
  /// The part of its training after which it vanishes; empty: it will not.
  std::optional<double> fate(const RoundPlan& plan);
  std::optional<SecAggStep> session_fate(RoundId round);
  void hold(const RoundPlan& plan, const LocalUpdate& update);
  void vanish();

  const Device& device_;
  const DeviceSurroundings& around_;
  std::unique_ptr<ClientAgent> agent_;
  bool online_ = false;
  std::uint64_t life_ = 0;       ///< times it vanished
  std::uint64_t work_ = 0;       ///< the work under way; older ones were cancelled
  std::uint64_t trainings_ = 0;  ///< trainings begun: a repeated one has a fate of its own
  TrainedBefore trained_;        ///< trainings that came to their end
  std::stop_source running_;     ///< of the work under way
  AdapterVersion cached_;        ///< the adapter it has at hand; version 0 it makes itself
  std::optional<LocalUpdate> outbox_;
  std::optional<ExampleMeter> meter_;  ///< on its disk
  SecureMemory memory_;                ///< on its disk
  std::unique_ptr<SeededEntropy> entropy_;
  std::unique_ptr<SecureMember> member_;
  std::optional<SecAggStep> leaves_before_;      ///< of the session to come
  std::shared_ptr<const DeviceMemory> carried_;  ///< of the last accepted update: on its disk
};

}  // namespace fennec
