#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "core/ids.h"
#include "transport/messages.h"

namespace fennec {

/// What to do with an offer that is in order.
enum class OfferVerdict {
  kWanted,   ///< fetch the bytes
  kStoring,  ///< on its way to disk: the acknowledgement will follow
  kStored,   ///< already on disk: acknowledge again
};

/// One training round: whom it asked, who answered, and whether that is enough. Selecting has happened
/// when it is made; the engine (round_engine.h) commits or abandons it.
class Round {
 public:
  /// @param cohort  ascending  @param stored  updates of it that an earlier life of the
  /// coordinator kept  @param goal  updates that end it; more than the cohort: everyone is waited for
  Round(RoundId id, AdapterVersion base, std::vector<ClientId> cohort,
        std::map<ClientId, UpdateOffer> stored, TimePoint opened, std::size_t goal);

  RoundId id() const { return id_; }
  TimePoint opened() const { return opened_; }
  const std::vector<ClientId>& cohort() const { return cohort_; }
  const std::map<ClientId, UpdateOffer>& stored() const { return stored_; }
  std::vector<ClientId> contributors() const;  ///< whose update is stored, ascending

  bool in_cohort(const ClientId& client) const;
  void add(const ClientId& client);  ///< joins while the round is open
  /// A member trains by a plan of an earlier round: that is the update it will send.
  void carry(const ClientId& client, const RoundPlan& plan);
  const RoundPlan* earlier_plan(const ClientId& client) const;  ///< null: its plan is of this round
  const std::map<ClientId, RoundPlan>& earlier_plans() const { return earlier_; }
  RoundId planned(const ClientId& client) const;  ///< the round of a member's plan
  bool awaits(const ClientId& client) const;      ///< a member whose update is neither stored nor
                                                  ///< being stored nor ready
  bool has_failed(const ClientId& client) const { return failed_.contains(client); }

  /// kStale: other round or base version, or not a member; kDuplicate: a different update is already
  /// here.
  Result<OfferVerdict> judge(const ClientId& client, const UpdateOffer& offer) const;

  void storing(const ClientId& client, const UpdateOffer& offer);
  bool now_stored(const ClientId& client);  ///< false when nothing of this client was being stored
  void failed(const ClientId& client);      ///< the round goes on without it
  /// Under secure aggregation: its update waits on the device for the sum. A member that failed or is
  /// awaited again is not ready.
  void ready(const ClientId& client);
  bool is_ready(const ClientId& client) const { return ready_.contains(client); }
  std::vector<ClientId> all_ready() const { return {ready_.begin(), ready_.end()}; }
  void retry(const ClientId& client);
  void remove(const ClientId& client);  ///< revoked: neither member nor contributor

  bool is_storing() const { return !storing_.empty(); }
  bool everyone_answered() const;  ///< each member's update is stored or ready, or it failed
  /// Nobody else is needed.
  bool has_all() const { return stored_.size() + ready_.size() >= goal_; }
  /// Enough to commit. @param min_updates  0: the whole cohort (or the goal), failed members left out
  bool has_enough(int min_updates) const;

 private:
  RoundId id_;
  AdapterVersion base_;
  std::vector<ClientId> cohort_;
  std::map<ClientId, UpdateOffer> storing_, stored_;
  std::set<ClientId> failed_, ready_;
  std::map<ClientId, RoundPlan> earlier_;
  TimePoint opened_;
  std::size_t goal_;
};

}  // namespace fennec
