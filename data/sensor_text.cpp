#include "data/sensor_text.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"

namespace fennec {

std::string whole_text(double value) {
  if (std::isnan(value)) return "?";
  return std::to_string(std::llround(value));
}

std::string whole_list(std::span<const double> values, double scale) {
  std::string text;
  for (const double value : values) {
    if (!text.empty()) text += ' ';
    text += whole_text(value * scale);
  }
  return text;
}

std::string_view weekday_text(int day) {
  static constexpr std::array<std::string_view, 7> kDays = {"Mon", "Tue", "Wed", "Thu",
                                                            "Fri", "Sat", "Sun"};
  return kDays[static_cast<std::size_t>(((day % 7) + 7) % 7)];
}

std::string hour_text(int hour) {
  const int h = ((hour % 24) + 24) % 24;
  return (h < 10 ? "0" : "") + std::to_string(h) + "h";
}

std::string join_text(std::span<const std::string> parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (&part != parts.data()) text += separator;
    text += part;
  }
  return text;
}

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

double deviation_of(std::span<const double> values) {
  const double mean = mean_of(values);
  double sum = 0;
  for (const double v : values) sum += (v - mean) * (v - mean);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

std::string_view pick(RandomStream& random, std::span<const std::string_view> items) {
  return items[random.below(items.size())];
}

std::vector<std::string_view> pick_several(RandomStream& random,
                                           std::span<const std::string_view> items, std::size_t n) {
  FENNEC_CHECK(n <= items.size());
  std::vector<std::string_view> all(items.begin(), items.end());
  random.shuffle(all);
  all.resize(n);
  return all;
}

bool chance(RandomStream& random, double p) { return random.uniform() < p; }

int integer_in(RandomStream& random, int low, int high) {
  return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1)));
}

}  // namespace fennec
