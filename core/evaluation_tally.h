#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"

namespace fennec {

/// What an evaluation counted, as sums: merging tallies of many devices equals one evaluation over all
/// their examples. Travels as named numbers.
class EvaluationTally {
 public:
  void add_loss(const std::string& task, double nats, double tokens);
  /// @param slot  "" for a task with one label
  void add_label(const std::string& task, const std::string& slot, const std::string& gold,
                 const std::string& predicted);
  /// @param predicted  empty when the generated text is not a number: counted, and left out of the
  /// error
  void add_forecast(const std::string& task, double gold, std::optional<double> predicted);
  void merge(const EvaluationTally& other);

  std::vector<std::pair<std::string, double>> to_sums() const;
  static Result<EvaluationTally> from_sums(
      const std::vector<std::pair<std::string, double>>& sums);  ///< kMalformed

  /// Derived figures: "loss" (nats per supervised token, all tasks), "<task>.loss",
  /// "<task>[.<slot>].accuracy", "….macro_f1" (over the labels that occur in gold), "<task>.mae",
  /// "<task>.unparsable" (share), and "accuracy", "macro_f1", "mae": the plain mean over the tasks
  /// (slots) that have one.
  std::vector<std::pair<std::string, double>> metrics() const;
  std::optional<double> metric(std::string_view name) const;

 private:
  std::map<std::string, double> sums_;
};

}  // namespace fennec
