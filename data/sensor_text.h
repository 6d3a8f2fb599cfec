#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"

namespace fennec {

// How generated sensor values become text: whole numbers, one space between values, "?" for a missing
// one (NaN).

std::string whole_text(double value);  ///< nearest whole number; "?" for NaN; never "-0"
std::string whole_list(std::span<const double> values,
                       double scale = 1);  ///< of value·scale, "1 2 ? 4"
std::string_view weekday_text(int day);    ///< 0 = "Mon"; taken modulo 7
std::string hour_text(int hour);           ///< "05h"; taken modulo 24
std::string join_text(std::span<const std::string> parts, std::string_view separator);

double mean_of(std::span<const double> values);
double deviation_of(std::span<const double> values);  ///< population standard deviation

/// One of `items`, uniformly.
std::string_view pick(RandomStream& random, std::span<const std::string_view> items);
/// n different items in random order; n ≤ items.size().
std::vector<std::string_view> pick_several(RandomStream& random,
                                           std::span<const std::string_view> items, std::size_t n);
/// True with probability p.
bool chance(RandomStream& random, double p);
/// A whole number in [low, high].
int integer_in(RandomStream& random, int low, int high);

}  // namespace fennec
