// FedBuff (Nguyen et al., arXiv 2106.06639) in the round engine: rounds that need not wait for anyone.
#include <algorithm>

#include "coordinator/round_engine.h"

namespace fennec {

/// cohort_size connected clients train at a time. Each delivers once a round at most, so that quick
/// ones do not fill a buffer alone; the first round waits for as many clients as a synchronous one
/// does.
void RoundEngine::open_buffer() {
  std::vector<ClientId> idle = clients_.eligible();
  std::erase_if(idle, [this](const ClientId& client) { return carried_.contains(client); });
  const auto wanted = static_cast<std::size_t>(clients_wanted(config_));
  if (state_.last_committed.value == 0 && idle.size() < wanted) return;
  std::vector<ClientId> cohort = sample_cohort(
      std::move(idle), free_places(), seed_.child("cohort", static_cast<std::uint64_t>(round().value)));
  for (const auto& [client, plan] : carried_) cohort.push_back(client);
  if (cohort.empty()) return;
  std::sort(cohort.begin(), cohort.end());
  state_.open_cohort = std::move(cohort);
  out_.push_back(RecordRoundOpened{round(), state_.open_cohort});
  resume_round();
}

std::size_t RoundEngine::free_places() const {
  const auto taken = [this](const ClientId& client) { return clients_.contains(client); };
  std::size_t used = 0;
  for (const auto& [client, plan] : carried_) used += taken(client) ? 1 : 0;
  if (round_)
    for (const ClientId& client : round_->cohort())
      used += round_->awaits(client) && !round_->has_failed(client) && taken(client) ? 1 : 0;
  const auto places = static_cast<std::size_t>(config_.cohort_size);
  return used < places ? places - used : 0;
}

void RoundEngine::join(const ClientId& client) {
  const std::vector<ClientId> eligible = clients_.eligible();
  const bool can = std::binary_search(eligible.begin(), eligible.end(), client);
  if (!can || round_->in_cohort(client) || free_places() == 0) return;
  round_->add(client);
  out_.push_back(RecordRoundOpened{round_->id(), round_->cohort()});
  assign(client);
}

void RoundEngine::carry_over() {
  carried_.clear();
  for (const ClientId& client : round_->cohort()) {
    if (!round_->awaits(client) || round_->has_failed(client)) continue;
    const RoundPlan* earlier = round_->earlier_plan(client);
    const RoundPlan plan = earlier != nullptr ? *earlier : current_plan(client, PlanKind::kTrain);
    if (round_->id().value - plan.version.value <= config_.max_staleness)
      carried_.emplace(client, plan);
    else if (clients_.contains(client))
      send(client, Wait{rejoin_after(client)});  // what it trains would be refused
  }
}

bool RoundEngine::defer(const RoundEvent& event) {
  if (!is_buffered() || phase_ != EnginePhase::kAggregating) return false;
  deferred_.push_back(event);
  return true;
}

void RoundEngine::replay() {
  for (const RoundEvent& event : std::exchange(deferred_, {}))
    std::visit([this](const auto& e) { on(e); }, event);
}

}  // namespace fennec
