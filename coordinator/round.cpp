#include "coordinator/round.h"

#include <algorithm>

#include <fmt/format.h>

namespace fennec {

Round::Round(RoundId id, AdapterVersion base, std::vector<ClientId> cohort,
             std::map<ClientId, UpdateOffer> stored, TimePoint opened, std::size_t goal)
    : id_(id),
      base_(base),
      cohort_(std::move(cohort)),
      stored_(std::move(stored)),
      opened_(opened),
      goal_(goal) {
  FENNEC_CHECK(std::is_sorted(cohort_.begin(), cohort_.end()));
  std::erase_if(stored_, [&](const auto& entry) { return !in_cohort(entry.first); });
}

std::vector<ClientId> Round::contributors() const {
  std::vector<ClientId> out;
  for (const auto& [client, offer] : stored_) out.push_back(client);
  return out;
}

bool Round::in_cohort(const ClientId& client) const {
  return std::binary_search(cohort_.begin(), cohort_.end(), client);
}

void Round::add(const ClientId& client) {
  if (in_cohort(client)) return;
  cohort_.insert(std::upper_bound(cohort_.begin(), cohort_.end(), client), client);
}

void Round::carry(const ClientId& client, const RoundPlan& plan) {
  if (in_cohort(client) && plan.round != id_) earlier_.insert_or_assign(client, plan);
}

const RoundPlan* Round::earlier_plan(const ClientId& client) const {
  const auto found = earlier_.find(client);
  return found == earlier_.end() ? nullptr : &found->second;
}

RoundId Round::planned(const ClientId& client) const {
  const RoundPlan* earlier = earlier_plan(client);
  return earlier != nullptr ? earlier->round : id_;
}

bool Round::awaits(const ClientId& client) const {
  return in_cohort(client) && !stored_.contains(client) && !storing_.contains(client) &&
         !ready_.contains(client);
}

Result<OfferVerdict> Round::judge(const ClientId& client, const UpdateOffer& offer) const {
  const RoundPlan* earlier = earlier_plan(client);
  const AdapterVersion base = earlier != nullptr ? earlier->version : base_;
  if (offer.round != planned(client))
    return fail(ErrorCode::kStale,
                fmt::format("update is of round {}, round {} is open", offer.round.value, id_.value));
  if (offer.base_version != base)
    return fail(ErrorCode::kStale,
                fmt::format("update starts from adapter version {}, round {} from version {}",
                            offer.base_version.value, offer.round.value, base.value));
  if (!in_cohort(client))
    return fail(ErrorCode::kStale, fmt::format("not in the cohort of round {}", id_.value));
  for (const auto* known : {&stored_, &storing_}) {
    const auto found = known->find(client);
    if (found == known->end()) continue;
    if (found->second.payload_sha256 != offer.payload_sha256)
      return fail(ErrorCode::kDuplicate,
                  fmt::format("a different update of round {} is already here", id_.value));
    return known == &stored_ ? OfferVerdict::kStored : OfferVerdict::kStoring;
  }
  return OfferVerdict::kWanted;
}

void Round::storing(const ClientId& client, const UpdateOffer& offer) {
  FENNEC_CHECK(awaits(client), "an update was counted twice");
  failed_.erase(client);
  storing_.emplace(client, offer);
}

bool Round::now_stored(const ClientId& client) {
  auto node = storing_.extract(client);
  if (node.empty()) return false;
  stored_.insert(std::move(node));
  return true;
}

void Round::failed(const ClientId& client) {
  ready_.erase(client);
  if (awaits(client)) failed_.insert(client);
}

void Round::ready(const ClientId& client) {
  FENNEC_CHECK(awaits(client), "an update was counted twice");
  failed_.erase(client);
  ready_.insert(client);
}

void Round::retry(const ClientId& client) {
  failed_.erase(client);
  ready_.erase(client);
}

void Round::remove(const ClientId& client) {
  std::erase(cohort_, client);
  storing_.erase(client);
  stored_.erase(client);
  failed_.erase(client);
  earlier_.erase(client);
  ready_.erase(client);
}

bool Round::everyone_answered() const {
  return std::none_of(cohort_.begin(), cohort_.end(), [&](const ClientId& client) {
    return !stored_.contains(client) && !failed_.contains(client) && !ready_.contains(client);
  });
}

bool Round::has_enough(int min_updates) const {
  const std::size_t expected = std::min(goal_, cohort_.size() - failed_.size());
  const std::size_t needed = min_updates > 0 ? static_cast<std::size_t>(min_updates) : expected;
  return stored_.size() + ready_.size() >= std::max<std::size_t>(needed, 1);
}

}  // namespace fennec
