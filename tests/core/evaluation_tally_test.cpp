#include "core/evaluation_tally.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "core/rng.h"

namespace {

using namespace fennec;

struct LabelPair {
  std::string gold, predicted;
};

/// Macro-F1 by its definition, one label at a time.
double slow_macro_f1(const std::vector<LabelPair>& pairs) {
  std::set<std::string> labels;
  for (const auto& pair : pairs) labels.insert(pair.gold);
  double sum = 0;
  for (const auto& label : labels) {
    double tp = 0, fp = 0, fn = 0;
    for (const auto& pair : pairs) {
      tp += pair.gold == label && pair.predicted == label;
      fp += pair.gold != label && pair.predicted == label;
      fn += pair.gold == label && pair.predicted != label;
    }
    const double precision = tp + fp > 0 ? tp / (tp + fp) : 0,
                 recall = tp + fn > 0 ? tp / (tp + fn) : 0;
    sum += precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
  }
  return sum / static_cast<double>(labels.size());
}

double slow_accuracy(const std::vector<LabelPair>& pairs) {
  double right = 0;
  for (const auto& pair : pairs) right += pair.gold == pair.predicted;
  return right / static_cast<double>(pairs.size());
}

double value(const EvaluationTally& tally, const std::string& name) {
  const auto found = tally.metric(name);
  CAPTURE(name);
  REQUIRE(found.has_value());
  return *found;
}

}  // namespace

TEST_CASE(
    "evaluation tally: accuracy and macro-F1 equal their definitions, however devices are split") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    RandomStream draw{Seed(seed)};
    const std::vector<std::string> names = {"a", "b/c", "100%", "", "d e", "%2F"};
    std::vector<EvaluationTally> devices(1 + draw.below(4));
    std::vector<LabelPair> pairs;
    for (std::uint64_t i = 0, n = 1 + draw.below(40); i < n; ++i) {
      pairs.push_back({names[draw.below(4)], names[draw.below(6)]});
      devices[draw.below(devices.size())].add_label("t/1", "s.x", pairs.back().gold,
                                                    pairs.back().predicted);
    }
    EvaluationTally all;
    for (const auto& device : devices) {
      const auto travelled = EvaluationTally::from_sums(device.to_sums());
      REQUIRE(travelled.has_value());
      all.merge(*travelled);
    }
    CHECK(value(all, "t/1.s.x.macro_f1") == doctest::Approx(slow_macro_f1(pairs)));
    CHECK(value(all, "t/1.s.x.accuracy") == doctest::Approx(slow_accuracy(pairs)));
  }
}

TEST_CASE("evaluation tally: losses weigh by tokens, means over tasks do not") {
  EvaluationTally tally;
  tally.add_loss("a", 10, 5);
  tally.add_loss("a", 2, 1);
  tally.add_loss("b", 3, 30);
  tally.add_label("a", "", "x", "x");
  for (int i = 0; i < 9; ++i) tally.add_label("b", "valve", "x", "y");
  tally.add_forecast("c", 10, 13.5);
  tally.add_forecast("c", 10, 9.5);
  tally.add_forecast("c", 10, std::nullopt);
  tally.add_forecast("d", 1, std::nullopt);
  CHECK(value(tally, "loss") == doctest::Approx(15.0 / 36));
  CHECK(value(tally, "a.loss") == doctest::Approx(2));
  CHECK(value(tally, "a.accuracy") == 1);
  CHECK(value(tally, "b.valve.accuracy") == 0);
  CHECK(value(tally, "accuracy") == doctest::Approx(0.5));
  CHECK(value(tally, "c.mae") == doctest::Approx(2));
  CHECK(value(tally, "mae") == doctest::Approx(2));
  CHECK(value(tally, "c.unparsable") == doctest::Approx(1.0 / 3));
  CHECK(value(tally, "d.unparsable") == 1);
  CHECK_FALSE(tally.metric("d.mae").has_value());
  CHECK_FALSE(tally.metric("nothing").has_value());
  CHECK(EvaluationTally{}.metrics().empty());
}

TEST_CASE("evaluation tally: malformed sums are refused") {
  const auto refused = [](std::vector<std::pair<std::string, double>> sums) {
    const auto result = EvaluationTally::from_sums(sums);
    return !result.has_value() && result.error().code == ErrorCode::kMalformed;
  };
  CHECK(refused({{"loss/t/nats", std::nan("")}}));
  CHECK(refused({{"loss/t/nats", -1}}));
  CHECK(refused({{"loss/t/nats", INFINITY}}));
  CHECK(refused({{"loss/t/other", 1}}));
  CHECK(refused({{"loss/t", 1}}));
  CHECK(refused({{"", 1}}));
  CHECK(refused({{"label/t/s/g", 1}}));
  CHECK(refused({{"label/t/s/g/p/q", 1}}));
  CHECK(refused({{"label/t/s/g/%41", 1}}));
  CHECK(refused({{"label/t/s/g/%", 1}}));
  CHECK(refused({{"forecast/t/mae", 1}}));
  CHECK(refused({{"loss/t/nats", 1}, {"loss/t/nats", 1}}));
  CHECK(EvaluationTally::from_sums({}).has_value());
}
