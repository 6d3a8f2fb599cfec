#include "data/statistic.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/error.h"

namespace fennec {
namespace {

constexpr const char* kWeekdays[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

double mean(const std::vector<double>& x) {
  long double sum = 0;
  for (const double v : x) sum += v;
  return static_cast<double>(sum) / static_cast<double>(x.size());
}

double population_sd(const std::vector<double>& x) {
  const double centre = mean(x);
  long double sum = 0;
  for (const double v : x) sum += static_cast<long double>(v - centre) * (v - centre);
  return static_cast<double>(std::sqrt(sum / static_cast<long double>(x.size())));
}

/// printf rounds to nearest, exact halves to even; there is no "-0".
std::string fixed_text(double number, int decimals, int pad) {
  char buffer[352];  // the longest double has 309 digits before the point
  std::snprintf(buffer, sizeof buffer, "%0*.*f", pad, decimals, number);
  const std::string text = buffer;
  if (text.find_first_not_of("-0.") == std::string::npos && number < 0)
    return fixed_text(0.0, decimals, pad);
  return text;
}

}  // namespace

const std::vector<std::string>& statistic_names() {
  static const std::vector<std::string> names = {"all", "first", "last", "mean", "sd", "min", "max"};
  return names;
}

std::vector<std::optional<double>> take_statistic(const std::string& name,
                                                  std::span<const std::optional<double>> series) {
  if (name == "all") return {series.begin(), series.end()};
  if (series.empty()) return {std::nullopt};
  if (name == "first") return {series.front()};
  if (name == "last") return {series.back()};
  std::vector<double> known;
  for (const auto& number : series)
    if (number) known.push_back(*number);
  if (known.empty()) return {std::nullopt};
  if (name == "mean") return {mean(known)};
  if (name == "sd") return {population_sd(known)};
  if (name == "min") return {*std::min_element(known.begin(), known.end())};
  if (name == "max") return {*std::max_element(known.begin(), known.end())};
  FENNEC_CHECK(false, "statistic '" + name + "' passed validation");
}

std::string format_number(const ValueConfig& value, double number) {
  if (value.combine == "weekday") return mapped(value, kWeekdays[static_cast<int>(number)]);
  number = number * value.scale + value.offset;
  if (!value.bins.empty()) {
    const auto bin =
        std::lower_bound(value.bins.begin(), value.bins.end(), number) - value.bins.begin();
    return mapped(value, value.bin_names[static_cast<std::size_t>(bin)]);
  }
  if (number > value.limit) return mapped(value, value.over);
  return mapped(value, fixed_text(number, value.decimals, value.pad));
}

const std::string& mapped(const ValueConfig& value, const std::string& text) {
  for (const auto& [from, to] : value.map)
    if (from == text) return to;
  return text;
}

}  // namespace fennec
