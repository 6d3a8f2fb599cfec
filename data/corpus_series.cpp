#include <algorithm>
#include <array>
#include <cmath>

#include "data/corpus.h"
#include "data/sensor_text.h"
#include "data/series_process.h"

namespace fennec {
namespace {

struct NamedSeries {
  Quantity quantity;
  std::vector<double> values;  ///< whole numbers, NaN where missing
  std::vector<double> known() const {
    std::vector<double> out;
    for (const double v : values)
      if (!std::isnan(v)) out.push_back(v);
    return out;
  }
};

/// "rising", "falling" or "steady" by the halves' means against the spread within.
std::string_view trend_of(const std::vector<double>& v) {
  const std::size_t half = v.size() / 2;
  const double first = mean_of(std::span(v).first(half)), second = mean_of(std::span(v).last(half));
  const double limit = std::max(1.0, 0.04 * std::abs(first)) + 0.4 * deviation_of(v);
  return second - first > limit ? "rising" : (first - second > limit ? "falling" : "steady");
}

std::string_view steadiness_of(const std::vector<double>& v) {
  const double relative = deviation_of(v) / std::max(10.0, std::abs(mean_of(v)));
  return relative < 0.03 ? "steady" : (relative < 0.15 ? "moving" : "wild");
}

struct Question {
  std::string text, answer;
};

Question single_question(RandomStream& random, const NamedSeries& s) {
  const std::string& name = s.quantity.name;
  const std::vector<double> v = s.known();
  const double high = std::ranges::max(v), low = std::ranges::min(v);
  switch (random.below(12)) {
    case 0:
      return {(chance(random, 0.5) ? "last " : "latest ") + name, whole_text(v.back())};
    case 1:
      return {"first " + name, whole_text(v.front())};
    case 2:
      return {(chance(random, 0.5) ? "max " : "highest ") + name, whole_text(high)};
    case 3:
      return {(chance(random, 0.5) ? "min " : "lowest ") + name, whole_text(low)};
    case 4:
      return {name + " trend", std::string(trend_of(v))};
    case 5:
      return {"mean " + name, whole_text(mean_of(v))};
    case 6:
      return {name + " is", std::string(steadiness_of(v))};
    case 7: {
      const double limit = std::round(low + (high - low) * random.uniform(0.2, 0.8));
      const auto n = std::ranges::count_if(v, [&](double x) { return x > limit; });
      return {name + " above " + whole_text(limit), std::to_string(n)};
    }
    case 8: {
      const std::size_t i = random.below(s.values.size());
      return {name + " #" + std::to_string(i + 1), whole_text(s.values[i])};
    }
    case 9:
      return {name + " range", whole_text(high - low)};
    case 10:
      return {name + " last step",
              v.back() > v[v.size() - 2] ? "up" : (v.back() < v[v.size() - 2] ? "down" : "same")};
    default:
      return {name + " end vs start",
              v.back() > v.front() ? "higher" : (v.back() < v.front() ? "lower" : "equal")};
  }
}

Question cross_question(RandomStream& random, const std::vector<NamedSeries>& all) {
  const auto name_of_best = [&](auto&& key) {
    return std::ranges::max_element(all, {}, key)->quantity.name;
  };
  switch (random.below(5)) {
    case 0:
      return {"highest last", name_of_best([](const NamedSeries& s) { return s.known().back(); })};
    case 1:
      return {"highest mean", name_of_best([](const NamedSeries& s) { return mean_of(s.known()); })};
    case 2:
      return {"lowest mean", name_of_best([](const NamedSeries& s) { return -mean_of(s.known()); })};
    case 3:
      return {"most variable", name_of_best([](const NamedSeries& s) {
                return std::ranges::max(s.known()) - std::ranges::min(s.known());
              })};
    default: {
      const NamedSeries& a = all[0];
      const NamedSeries& b = all[1];
      const bool above = mean_of(a.known()) > mean_of(b.known());
      return {a.quantity.name + " vs " + b.quantity.name, above ? "above" : "below"};
    }
  }
}

std::string header_of(RandomStream& random, const std::vector<NamedSeries>& all) {
  static constexpr std::array<std::string_view, 10> kDevices = {
      "node", "meter", "probe", "board", "station", "unit", "home", "machine", "gateway", "rig"};
  std::vector<std::string> parts;
  const bool with_unit = chance(random, 0.85), colon = chance(random, 0.2);
  for (const NamedSeries& s : all)
    parts.push_back(s.quantity.name + (with_unit ? " " + s.quantity.unit : "") + (colon ? ": " : " ") +
                    whole_list(s.values));
  std::string head;
  if (chance(random, 0.6)) {
    head = std::string(pick(random, kDevices));
    if (chance(random, 0.5)) head += std::to_string(integer_in(random, 1, 40));
    if (chance(random, 0.4)) {
      const int hour = integer_in(random, 0, 23);
      head += " " + std::string(weekday_text(integer_in(random, 0, 6))) + " " + hour_text(hour);
    }
    head += chance(random, 0.3) ? ". " : " ";
  }
  return head + join_text(parts, chance(random, 0.75) ? "; " : (chance(random, 0.5) ? "\n" : ", "));
}

}  // namespace

CorpusDocument series_document(RandomStream& random) {
  const auto count = static_cast<std::size_t>(integer_in(random, 1, 4));
  const auto length = static_cast<std::size_t>(integer_in(random, 3, 10));
  const double missing = chance(random, 0.15) ? 0.12 : 0.0;
  std::vector<NamedSeries> all;
  for (Quantity& quantity : draw_quantities(random, count)) {
    // Comparisons between channels need channels of like size half of the time.
    if (!all.empty() && chance(random, 0.5)) {
      quantity.level = all[0].quantity.level * random.uniform(0.8, 1.25);
      quantity.spread = all[0].quantity.spread;
      quantity.unit = all[0].quantity.unit;
    }
    NamedSeries series{std::move(quantity), {}};
    do series.values = draw_series(random, series.quantity, length, missing);
    while (series.known().size() < 2);
    all.push_back(std::move(series));
  }
  CorpusDocument document{{header_of(random, all), false}};
  const int questions = integer_in(random, 2, 7);
  for (int q = 0; q < questions; ++q) {
    const bool cross = all.size() > 1 && chance(random, 0.35);
    Question question =
        cross ? cross_question(random, all) : single_question(random, all[random.below(all.size())]);
    document.push_back({"\n" + question.text + ":", false});
    document.push_back({" " + question.answer, true});
  }
  return document;
}

CorpusDocument stream_document(RandomStream& random) {
  const Quantity quantity = draw_quantity(random);
  const auto length = static_cast<std::size_t>(integer_in(random, 16, 60));
  const std::vector<double> values = draw_series(random, quantity, length);
  const std::size_t context = 4;
  CorpusDocument document{
      {quantity.name + " " + quantity.unit + " " + whole_list(std::span(values).first(context)),
       false}};
  document.push_back({" " + whole_list(std::span(values).subspan(context)), true});
  return document;
}

}  // namespace fennec
