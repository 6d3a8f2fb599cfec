#pragma once
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "transport/messages.h"

namespace fennec {

/// One federated evaluation of the global adapter: every connected client is asked, late ones join.
class EvaluationRound {
 public:
  EvaluationRound(RoundId after, AdapterVersion version) : after_(after), version_(version) {}

  bool awaits(const ClientId& client) const { return pending_.contains(client); }
  bool has_answered(const ClientId& client) const { return reports_.contains(client); }
  std::size_t asked() const { return asked_.size(); }
  std::size_t answered() const { return reports_.size(); }
  void ask(const ClientId& client);
  void accept(const ClientId& client,
              const EvaluationReport& report);  ///< the first one counts; others are ignored
  void failed(const ClientId& client) { pending_.erase(client); }
  void remove(const ClientId& client);  ///< revoked
  bool everyone_answered() const { return pending_.empty(); }
  std::vector<std::pair<ClientId, EvaluationReport>> reports() const {
    return {reports_.begin(), reports_.end()};
  }

 private:
  RoundId after_;
  AdapterVersion version_;
  std::set<ClientId> asked_, pending_;
  std::map<ClientId, EvaluationReport> reports_;
};

}  // namespace fennec
