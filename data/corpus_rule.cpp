#include <algorithm>
#include <array>
#include <cmath>

#include "data/corpus.h"
#include "data/sensor_text.h"
#include "data/series_process.h"

namespace fennec {
namespace {

struct LabelPair {
  std::string_view below, above;
};
constexpr std::array<LabelPair, 9> kPairs = {{{"low", "high"},
                                              {"ok", "alarm"},
                                              {"off", "on"},
                                              {"no", "yes"},
                                              {"normal", "fault"},
                                              {"cold", "warm"},
                                              {"idle", "busy"},
                                              {"safe", "danger"},
                                              {"closed", "open"}}};

/// Several readings against a stated limit.
CorpusDocument threshold(RandomStream& random) {
  const Quantity q = draw_quantity(random);
  const LabelPair pair = kPairs[random.below(kPairs.size())];
  const double limit = std::round(q.level);
  const bool stated = chance(random, 0.6);
  CorpusDocument document;
  document.push_back({stated ? std::string(pair.above) + " if " + q.name + " > " + whole_text(limit) +
                                   " " + q.unit + "."
                             : q.name + " " + q.unit,
                      false});
  const int readings = integer_in(random, 4, 10);
  for (int i = 0; i < readings; ++i) {
    const double value = std::round(limit + random.normal(0, q.spread * random.uniform(0.3, 2)));
    document.push_back({"\n" + q.name + " " + whole_text(value) + ":", false});
    // Without a stated limit the first readings show where it lies; they cannot be answered.
    document.push_back({" " + std::string(value > limit ? pair.above : pair.below), stated || i >= 2});
  }
  return document;
}

/// Grades by several limits, in a table given first.
CorpusDocument grades(RandomStream& random) {
  static constexpr std::array<std::array<std::string_view, 4>, 4> kGrades = {
      {{"good", "fair", "poor", "bad"},
       {"none", "weak", "strong", "severe"},
       {"low", "medium", "high", "extreme"},
       {"ok", "watch", "service", "stop"}}};
  const Quantity q = draw_quantity(random);
  const auto& names = kGrades[random.below(kGrades.size())];
  std::array<double, 3> limits{};
  limits[0] = std::round(std::max(2.0, std::abs(q.level) * random.uniform(0.3, 0.8)));
  limits[1] = limits[0] + std::round(std::max(2.0, limits[0] * random.uniform(0.2, 0.8)));
  limits[2] = limits[1] + std::round(std::max(2.0, limits[0] * random.uniform(0.2, 0.8)));
  CorpusDocument document{{q.name + " " + q.unit + ":", false}};
  for (std::size_t i = 0; i < 3; ++i)
    document[0].text += " " + std::string(names[i]) + " to " + whole_text(limits[i]) + ",";
  document[0].text += " else " + std::string(names[3]);
  const int readings = integer_in(random, 3, 7);
  for (int i = 0; i < readings; ++i) {
    const double value = std::round(random.uniform(0, limits[2] * 1.3));
    const auto grade = static_cast<std::size_t>(
        std::ranges::count_if(limits, [&](double limit) { return value > limit; }));
    document.push_back({"\n" + whole_text(value) + ":", false});
    document.push_back({" " + std::string(names[grade]), true});
  }
  return document;
}

/// Pairs of numbers: larger, smaller, difference, order.
CorpusDocument pairs(RandomStream& random) {
  CorpusDocument document;
  const int n = integer_in(random, 4, 9);
  const double scale = std::pow(10, random.uniform(1, 3.7));
  for (int i = 0; i < n; ++i) {
    const double a = std::round(random.uniform(-0.2, 1) * scale);
    const double b = chance(random, 0.4) ? a + integer_in(random, -9, 9)
                                         : std::round(random.uniform(-0.2, 1) * scale);
    std::string question, answer;
    switch (random.below(5)) {
      case 0:
        question = "larger of ";
        answer = whole_text(std::max(a, b));
        break;
      case 1:
        question = "smaller of ";
        answer = whole_text(std::min(a, b));
        break;
      case 2:
        question = "step ";
        answer = whole_text(b - a);
        break;
      case 3:
        question = "mean of ";
        answer = whole_text((a + b) / 2);
        break;
      default:
        question = "order ";
        answer = a < b ? "up" : (a > b ? "down" : "same");
    }
    document.push_back(
        {(i > 0 ? "\n" : "") + question + whole_text(a) + " " + whole_text(b) + ":", false});
    document.push_back({" " + answer, true});
  }
  return document;
}

/// Labelled examples of a hidden rule over two channels; the last ones are to be judged.
CorpusDocument by_example(RandomStream& random) {
  const std::vector<Quantity> q = draw_quantities(random, 2);
  const LabelPair pair = kPairs[random.below(kPairs.size())];
  const std::size_t which = random.below(2);
  CorpusDocument document;
  const int n = integer_in(random, 6, 12);
  for (int i = 0; i < n; ++i) {
    std::array<double, 2> value{};
    for (std::size_t k = 0; k < 2; ++k) {
      const double side = chance(random, 0.5) ? 1 : -1;
      value[k] = std::round(q[k].level + side * q[k].spread * random.uniform(0.5, 2));
    }
    document.push_back({(i > 0 ? "\n" : "") + q[0].name + " " + whole_text(value[0]) + " " + q[1].name +
                            " " + whole_text(value[1]) + ":",
                        false});
    document.push_back(
        {" " + std::string(value[which] > q[which].level ? pair.above : pair.below), i >= 3});
  }
  return document;
}

}  // namespace

CorpusDocument rule_document(RandomStream& random) {
  const double kind = random.uniform();
  return kind < 0.3 ? threshold(random)
                    : (kind < 0.5 ? grades(random) : (kind < 0.8 ? pairs(random) : by_example(random)));
}

CorpusDocument prose_document(RandomStream& random) {
  static constexpr std::array<std::string_view, 8> kPlaces = {
      "kitchen", "boiler room", "roof", "hall", "garden", "line 2", "pump house", "garage"};
  static constexpr std::array<std::string_view, 6> kOpen = {"The",         "Status: the",  "Note: the",
                                                            "Report: the", "At night the", "Today the"};
  std::string text;
  const int sentences = integer_in(random, 2, 5);
  for (int i = 0; i < sentences; ++i) {
    const Quantity q = draw_quantity(random);
    const std::vector<double> v = draw_series(random, q, 2);
    const std::string_view change = v[1] > v[0] ? "rose" : (v[1] < v[0] ? "fell" : "stayed");
    text += (i > 0 ? " " : "") + std::string(pick(random, kOpen)) + " " + q.name + " in the " +
            std::string(pick(random, kPlaces)) + " " + std::string(change);
    text += v[1] == v[0] ? " at " + whole_text(v[0]) + " " + q.unit + "."
                         : " from " + whole_text(v[0]) + " to " + whole_text(v[1]) + " " + q.unit + ".";
  }
  return {{text, false}};
}

}  // namespace fennec
