#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/recipe.h"

namespace fennec {

/// Statistics a value may take of a series: all, first, last, mean, sd, min, max.
const std::vector<std::string>& statistic_names();

/// `all` gives the series itself, the others one number. sd is that of the population. Missing numbers
/// (nullopt) are left out of mean, sd, min and max; nothing known gives nullopt.
std::vector<std::optional<double>> take_statistic(const std::string& name,
                                                  std::span<const std::optional<double>> series);

/// A number as a value writes it: scaled, rounded half to even, binned, limited, padded, mapped.
std::string format_number(const ValueConfig& value, double number);

/// `text` replaced as the value's map says; text without an entry stays.
const std::string& mapped(const ValueConfig& value, const std::string& text);

}  // namespace fennec
