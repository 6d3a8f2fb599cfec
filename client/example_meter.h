#pragma once
#include <filesystem>
#include <vector>

#include "configs/experiment.h"
#include "core/error.h"
#include "privacy/accountant.h"

namespace fennec {

/// What a device has spent of its examples' privacy, over all rounds it has trained. Each training
/// counts when it begins, also one that is done again or never sent: what of it was seen it cannot
/// know.
class ExampleMeter {
 public:
  /// @param examples  of the device  @param spent  before
  ExampleMeter(const Experiment& experiment, std::size_t examples, std::vector<Releases> spent = {});

  /// Counts a round's steps, and gives ε after them. kBudget, and nothing is counted, when it would
  /// exceed the budget.
  Result<double> spend();
  double epsilon() const { return epsilon_of(spent_); }
  const std::vector<Releases>& spent() const { return spent_; }

 private:
  double epsilon_of(const std::vector<Releases>& releases) const;
  ExampleDpConfig config_;
  Releases round_;  ///< what one round costs
  std::vector<Releases> spent_;
};

/// On disk before the training begins; atomic. Throws IoError naming file and field.
std::vector<Releases> read_spent(const std::filesystem::path& file);  ///< nothing when it is absent
void write_spent(const std::filesystem::path& file, const std::vector<Releases>& spent);

}  // namespace fennec
