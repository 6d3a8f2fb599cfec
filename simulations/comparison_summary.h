#pragma once
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "simulations/run_curve.h"

namespace fennec {

/// Over seeds. `std` is the sample standard deviation, NaN for fewer than two.
struct MeanStd {
  double mean = 0, std = 0;
};
MeanStd mean_std(const std::vector<double>& values);

/// A metric over the devices it is worst on: the mean of the worst tenth of them, at least one. NaN
/// when no device has it.
double worst_tenth(const RunFigures& figures, const std::string& metric);

/// A point that every seed has: what was spent by then, and the metric.
struct SummaryPoint {
  CurvePoint spent;  ///< means; metrics empty
  MeanStd metric;
};

struct VariantSummary {
  std::string name;
  std::size_t seeds = 0;
  MeanStd before, metric, worst;                      ///< before any training; at the end
  MeanStd rounds, mb_up, mb_down, device_s, seconds;  ///< at the end
  std::vector<SummaryPoint> curve;                    ///< ascending rounds
};

/// @param runs  one a seed, at least one, each with an evaluation
/// Throws ConfigError, with the figures there are, when a run has no such metric.
VariantSummary summarise(const std::string& name, const std::vector<RunFigures>& runs,
                         const std::string& metric);

}  // namespace fennec
