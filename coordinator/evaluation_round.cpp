#include "coordinator/evaluation_round.h"

namespace fennec {

void EvaluationRound::ask(const ClientId& client) {
  asked_.insert(client);
  pending_.insert(client);
}

void EvaluationRound::accept(const ClientId& client, const EvaluationReport& report) {
  if (report.round != after_ || report.version != version_ || !asked_.contains(client)) return;
  reports_.try_emplace(client, report);
  pending_.erase(client);
}

void EvaluationRound::remove(const ClientId& client) {
  asked_.erase(client);
  pending_.erase(client);
  reports_.erase(client);
}

}  // namespace fennec
