#include "simulations/simulation.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "coordinator/evaluation_pool.h"
#include "simulations/event_queue.h"
#include "simulations/simulated_keys.h"
#include "simulations/training_pool.h"
#include "simulations/virtual_coordinator.h"
#include "simulations/virtual_device.h"

namespace fennec {
namespace {

/// The wires between one coordinator and its devices, and what came of it all.
class Simulation {
 public:
  Simulation(const Experiment& experiment, const std::vector<Device>& devices, Workload& workload,
             ParameterSet initial, std::size_t threads, const SimulationEvents& events,
             const SimulationFaults& faults)
      : experiment_(experiment),
        events_(events),
        keys_(experiment.privacy.secagg.is_on() ? devices : std::vector<Device>{},
              Seed(experiment.seed).child("simulated_keys")),
        layout_(initial.layout()),
        pool_(threads, workload),
        around_{queue_,
                pool_,
                workload,
                Seed(experiment.seed).child("simulation"),
                experiment_hash(experiment).substr(0, 16),
                experiment.rounds.deadline_s,
                [this](const Device& device, Message message) { up(device, std::move(message)); },
                [this](AdapterVersion version) { return coordinator_.adapter(version); },
                [this](const Device&, std::int64_t bytes) { coordinator_.count_download(bytes); },
                [this](const Device& device) { vanished(device); },
                meter_maker(),
                member_maker(),
                [this](const Device& device, RoundId, std::vector<std::byte> frame) {
                  frame_up(device, std::move(frame));
                },
                faults.leaves_before},
        coordinator_(
            experiment, around_.run_id, std::move(initial),
            {queue_,
             [this](const ClientId& client, Message message) { down(client, std::move(message)); },
             [this](const ClientId& client, const UpdateOffer& offer) { fetch(client, offer); },
             [this](const RoundRecord& record) { committed(record); },
             [this](const RecordEvaluation& evaluation) { evaluated(evaluation); },
             [this](const RoundAbandoned& round) { abandoned(round); },
             [this](const ClientId& client, RoundId round, std::vector<std::byte> frame) {
               frame_down(client, round, std::move(frame));
             }},
            secure_rounds()) {
    for (const Device& device : devices)
      devices_.emplace(device.id, std::make_unique<VirtualDevice>(device, around_));
  }

  SimulationResult run() {
    connect_all();
    while (!coordinator_.finished())
      if (!queue_.run_next()) throw IoError("the simulation stands still: nobody is left to wait for");
    result_.virtual_s = to_seconds(queue_.now());
    result_.adapter = coordinator_.adapter()->clone();
    if (coordinator_.privacy() != nullptr) result_.privacy = coordinator_.privacy()->releases();
    return std::move(result_);
  }

 private:
  /// Before time starts: hellos arrive at once, so that the first evaluation asks every device.
  void connect_all() {
    coordinator_.start(keys_.directory());
    connecting_ = true;
    for (auto& [id, device] : devices_) device->connect();
    connecting_ = false;
  }

  std::unique_ptr<SecureRounds> secure_rounds() const {
    if (!experiment_.privacy.secagg.is_on()) return nullptr;
    return std::make_unique<SecureRounds>(
        experiment_, layout_, "", keys_.coordinator(),
        std::make_unique<SeededEntropy>(Seed(experiment_.seed).child("session_nonces")));
  }

  std::function<ExampleMeter(std::size_t)> meter_maker() const {
    if (!experiment_.privacy.example.is_on()) return {};
    return [this](std::size_t examples) { return ExampleMeter(experiment_, examples); };
  }

  std::function<std::unique_ptr<SecureMember>(const Device&, const SecureMemory&, Entropy&)>
  member_maker() const {
    if (!experiment_.privacy.secagg.is_on()) return {};
    return [this](const Device& device, const SecureMemory& memory, Entropy& entropy) {
      return std::make_unique<SecureMember>(keys_.identity(device.id), experiment_, layout_, "", memory,
                                            entropy, [] { return std::int64_t{0}; });
    };
  }

  void frame_up(const Device& device, std::vector<std::byte> frame) {
    const double transfer_s = static_cast<double>(frame.size()) / device.uplink_bytes_per_s;
    queue_.after(device.latency + from_seconds(transfer_s),
                 [this, id = device.id, frame = std::move(frame)]() mutable {
                   coordinator_.receive_frame(id, std::move(frame));
                 });
  }

  void frame_down(const ClientId& client, RoundId round, std::vector<std::byte> frame) {
    VirtualDevice& to = *devices_.at(client);
    const double transfer_s = static_cast<double>(frame.size()) / to.device().downlink_bytes_per_s;
    queue_.after(to.device().latency + from_seconds(transfer_s),
                 [&to, life = to.life(), round, frame = std::move(frame)] {
                   if (to.life() == life) to.receive_frame(round, frame);
                 });
  }

  void up(const Device& device, Message message) {
    if (connecting_) return coordinator_.receive(device.id, message);
    queue_.after(device.latency, [this, id = device.id, message = std::move(message)] {
      coordinator_.receive(id, message);
    });
  }

  void down(const ClientId& client, Message message) {
    VirtualDevice& to = *devices_.at(client);
    queue_.after(to.device().latency, [&to, life = to.life(), message = std::move(message)] {
      if (to.life() == life) to.receive(message);
    });
  }

  /// The request travels down, the bytes travel up.
  void fetch(const ClientId& client, const UpdateOffer& offer) {
    VirtualDevice& from = *devices_.at(client);
    const double transfer_s =
        static_cast<double>(offer.payload_bytes) / from.device().uplink_bytes_per_s;
    queue_.after(2 * from.device().latency + from_seconds(transfer_s),
                 [this, &from, life = from.life(), offer] {
                   const LocalUpdate* update = from.life() == life ? from.outbox(offer) : nullptr;
                   if (update == nullptr)
                     return;  // lost on the way; a device that still has it offers it again
                   if (events_.update && offer.round == counted_)
                     events_.update(offer.round, ++updates_);
                   coordinator_.update_arrived(from.device().id, offer, update->bytes);
                 });
  }

  void vanished(const Device& device) {
    ++result_.vanished;
    const VirtualDevice& gone = *devices_.at(device.id);
    queue_.after(from_seconds(experiment_.transport.peer_timeout_s), [this, &gone] {
      if (!gone.online()) coordinator_.lost(gone.device().id);
    });
  }

  void committed(const RoundRecord& record) {
    reopenings_ = 0;
    counted_.value = record.round.value + 1;
    updates_ = 0;
    result_.rounds.push_back(record);
    if (events_.committed) events_.committed(record, to_seconds(queue_.now()));
    if (events_.enough && events_.enough()) coordinator_.end_early();
  }

  void evaluated(const RecordEvaluation& evaluation) {
    result_.evaluations.push_back(pool_evaluation(evaluation));
    result_.by_device = evaluation_by_client(evaluation);
    if (events_.evaluated) events_.evaluated(result_.evaluations.back(), to_seconds(queue_.now()));
  }

  void abandoned(const RoundAbandoned& round) {
    ++result_.abandoned;
    if (events_.abandoned) events_.abandoned(round.round, round.reason);
    if (++reopenings_ > kMostReopenings)
      throw IoError("round " + std::to_string(round.round.value) + " opened " +
                    std::to_string(reopenings_) + " times without enough updates (" + round.reason +
                    "): lower rounds.min_updates, or raise rounds.deadline_s");
  }

  const Experiment& experiment_;
  const SimulationEvents& events_;
  SimulatedKeys keys_;
  LayoutPtr layout_;
  EventQueue queue_;
  TrainingPool pool_;
  DeviceSurroundings around_;
  VirtualCoordinator coordinator_;
  std::map<ClientId, std::unique_ptr<VirtualDevice>> devices_;
  SimulationResult result_;
  RoundId counted_{1};
  std::size_t updates_ = 0;
  int reopenings_ = 0;
  bool connecting_ = false;
};

}  // namespace

SimulationResult simulate(const Experiment& experiment, const std::vector<Device>& devices,
                          Workload& workload, ParameterSet initial, std::size_t threads,
                          const SimulationEvents& events, const SimulationFaults& faults) {
  FENNEC_CHECK(threads >= 1);
  if (const int wanted = clients_wanted(experiment.rounds);
      devices.size() < static_cast<std::size_t>(wanted))
    throw ConfigError(
        fmt::format("rounds.{} is {}, but there are only {} devices",
                    wanted > experiment.rounds.cohort_size ? "min_available" : "cohort_size", wanted,
                    devices.size()));
  check_secure_plan(experiment, initial.layout());
  return Simulation(experiment, devices, workload, std::move(initial), threads, events, faults).run();
}

}  // namespace fennec
