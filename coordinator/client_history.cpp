#include "coordinator/client_history.h"

#include <cmath>

namespace fennec {

double ClientHistory::Last::utility() const {
  return std::isfinite(loss) && loss > 0 ? static_cast<double>(num_examples) * loss : 0;
}

void ClientHistory::committed(RoundId round, std::span<const ParticipantRecord> participants) {
  const auto rounds = static_cast<std::size_t>(round.value);
  if (utilities_.size() < rounds) utilities_.resize(rounds, 0);
  for (const ParticipantRecord& p : participants) {
    const Last now{round, p.loss, p.num_examples, p.train_seconds};
    utilities_[rounds - 1] += now.utility();
    last_[p.client] = now;
  }
}

const ClientHistory::Last* ClientHistory::find(const ClientId& client) const {
  const auto found = last_.find(client);
  return found == last_.end() ? nullptr : &found->second;
}

}  // namespace fennec
