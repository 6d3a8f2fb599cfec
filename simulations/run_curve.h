#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simulations/simulation.h"

namespace fennec {

/// Where a run stood when it was evaluated. Evaluations themselves cost nothing here.
struct CurvePoint {
  std::int64_t round = 0;
  double mb_up = 0, mb_down = 0;  ///< of all devices together, 10⁶ bytes
  double device_s = 0;            ///< training seconds of all devices whose updates were folded
  double seconds = 0;             ///< simulated, from the opening of each round to its commit
  MetricList metrics{};           ///< empty between evaluations
};

/// What runs are made equal in.
struct Measure {
  const char* name;
  const char* unit;
  double (*of)(const CurvePoint&);
};
std::span<const Measure> measures();
const Measure* find_measure(std::string_view name);  ///< null when there is none

/// What a comparison keeps of a run.
struct RunFigures {
  std::vector<CurvePoint> evaluations;  ///< ascending; the first is before any training
  std::vector<std::pair<std::string, MetricList>> devices;  ///< the last one, each device by itself
};
std::string to_json_text(const RunFigures& figures, const std::string& key);
/// Empty evaluations when the text is not of `key`. Throws IoError for anything else it did not write.
RunFigures run_figures_from_json(const std::string& text, const std::string& key,
                                 const std::string& where);

/// Follows a run, and ends it before a round that would likely take it past its budget: one that costs
/// as much as the last.
class RunCurve {
 public:
  RunCurve(const Measure& equal, double budget) : equal_(equal), budget_(budget) {}

  /// Adds itself to who listens; outlives the run.
  SimulationEvents listen(SimulationEvents events);
  const std::vector<CurvePoint>& evaluations() const { return evaluations_; }
  bool spent() const { return spent_; }  ///< the budget ended the run

 private:
  void committed(const RoundRecord& record);

  const Measure& equal_;
  double budget_;
  bool spent_ = false;
  CurvePoint now_;
  std::vector<CurvePoint> evaluations_;
};

}  // namespace fennec
