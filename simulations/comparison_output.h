#pragma once
#include <string>
#include <vector>

#include "simulations/comparison.h"
#include "simulations/comparison_summary.h"

namespace fennec {

/// One row a variant: mean ± standard deviation over the seeds.
std::string comparison_table(const Comparison& comparison, const std::vector<VariantSummary>& variants);
/// The same and the curves, one JSON object; a figure that is none is null.
std::string comparison_json(const Comparison& comparison, const std::vector<VariantSummary>& variants);
/// The same as one self-contained page: the metric over rounds, megabytes and simulated time.
std::string comparison_html(const Comparison& comparison, const std::vector<VariantSummary>& variants);

}  // namespace fennec
