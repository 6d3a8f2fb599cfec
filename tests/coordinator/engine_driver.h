#pragma once
#include <string>
#include <utility>
#include <vector>

#include "coordinator/round_engine.h"

namespace fennec::test {

inline UpdateOffer offer_of(const ClientId& client, RoundId round, AdapterVersion base) {
  UpdateOffer offer;
  offer.round = round;
  offer.base_version = base;
  offer.codec = "fp32";
  offer.num_examples = 1;
  offer.supervised_tokens = 1;
  offer.payload_bytes = 1;
  offer.payload_sha256 =
      client.name + "@" + std::to_string(round.value) + "/" + std::to_string(base.value);
  return offer;
}

/// The messages of one kind in a list of actions, with their addressees.
template <class M>
std::vector<std::pair<std::string, M>> sent(const std::vector<RoundAction>& actions) {
  std::vector<std::pair<std::string, M>> out;
  for (const RoundAction& action : actions)
    if (const auto* send = std::get_if<SendTo>(&action))
      if (const auto* message = std::get_if<M>(&send->message))
        out.emplace_back(send->client.name, *message);
  return out;
}

template <class A>
std::vector<A> actions_of(const std::vector<RoundAction>& actions) {
  std::vector<A> out;
  for (const RoundAction& action : actions)
    if (const auto* found = std::get_if<A>(&action)) out.push_back(*found);
  return out;
}

/// An engine on a manual clock, with shorthand for what happens to it.
struct EngineDriver {
  explicit EngineDriver(RoundsConfig rounds, RunState state = {})
      : config(rounds), engine(config, "experiment", "run", Seed(7), clock, std::move(state)) {
    last = engine.handle(EngineStarted{});
  }

  const std::vector<RoundAction>& on(const RoundEvent& event) { return last = engine.handle(event); }
  const std::vector<RoundAction>& arrive(const std::string& name, std::int64_t examples = 10) {
    Hello hello;
    hello.train_examples = examples;
    return on(ClientArrived{ClientId{name}, hello});
  }
  const std::vector<RoundAction>& evaluate(const std::string& name) {
    EvaluationReport report;
    report.round = committed;
    report.version = AdapterVersion{committed.value};
    return on(EvaluationArrived{ClientId{name}, report});
  }
  UpdateOffer offer(const std::string& name) const {
    return offer_of(ClientId{name}, RoundId{committed.value + 1}, AdapterVersion{committed.value});
  }
  /// Offer, bytes and disk in one go.
  const std::vector<RoundAction>& update(const std::string& name) {
    const ClientId client{name};
    on(OfferArrived{client, offer(name)});
    on(UpdateArrived{client, offer(name)});
    return on(UpdateStored{client, offer(name)});
  }
  const std::vector<RoundAction>& commit() {
    committed.value += 1;
    return on(RoundCommitted{committed, AdapterVersion{committed.value}, 4,
                             "sha" + std::to_string(committed.value)});
  }
  const std::vector<RoundAction>& wait(double seconds, std::uint64_t timer) {
    clock.advance_to(clock.now() + from_seconds(seconds));
    return on(TimerFired{timer});
  }

  ManualClock clock;
  RoundsConfig config;
  RoundEngine engine;
  RoundId committed;
  std::vector<RoundAction> last;
};

}  // namespace fennec::test
