#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "coordinator/round_record.h"
#include "core/ids.h"

namespace fennec {

/// What each client did when it last took part: what a selection may go by. A function of the committed
/// rounds, so a restarted coordinator has the same one from its ledger.
class ClientHistory {
 public:
  struct Last {
    RoundId round;
    double loss = 0;  ///< training loss it reported; NaN when it reported none
    std::int64_t num_examples = 0;
    double train_seconds = 0;
    /// Statistical utility |B|·loss (Oort, Lai et al., OSDI 2021, section 4.2, with the mean loss in
    /// place of the root of the mean squared loss, which devices do not report); 0 without a loss.
    double utility() const;
  };

  void committed(RoundId round, std::span<const ParticipantRecord> participants);
  const Last* find(const ClientId& client) const;  ///< null: it never took part
  /// Sum of the utilities of those that took part, by round from 1; 0 where nobody did.
  const std::vector<double>& round_utilities() const { return utilities_; }

 private:
  std::map<ClientId, Last> last_;
  std::vector<double> utilities_;
};

}  // namespace fennec
