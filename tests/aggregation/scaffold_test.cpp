#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "aggregation/aggregator.h"
#include "aggregation/control_variates.h"
#include "aggregation/travel.h"
#include "aggregation/version.h"
#include "core/parameter_math.h"
#include "core/rng.h"

using namespace fennec;

namespace {

constexpr int kClients = 8;
constexpr double kRate = 0.05;

/// Clients with quadratic losses ½Σhₖ(w − bₖ)² of unlike curvature, who make unequal numbers of steps:
/// averaging is biased here, and the optimum Σhₖbₖ/Σhₖ is known.
class Quadratics {
 public:
  explicit Quadratics(const std::string& strategy, bool alike = false) {
    config_.strategy = strategy;
    config_.rule.population = kClients;
    aggregator_ = make_aggregator(config_);
    const auto layout = std::make_shared<const ParameterLayout>(
        std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"a", {3, 2}}, {"b", {5}}});
    version = first_version(config_, ParameterSet(layout));
    for (std::uint64_t k = 0; k < kClients; ++k) {
      RandomStream draw(Seed(3).child("client", alike ? 0 : k));
      auto& [h, b, steps] = clients_.emplace_back();
      for (std::size_t i = 0; i < layout->size(); ++i) {
        h.push_back(draw.uniform(0.3, 3));
        b.push_back(draw.uniform(-2, 2));
      }
      steps = alike ? 5 : 2 + static_cast<std::int64_t>(k);
      own.emplace_back(layout);
    }
  }

  void round(std::int64_t number, const std::vector<std::size_t>& cohort) {
    aggregator_->begin(version, RoundId{number});
    const ParameterSet common = controls_of(version);
    for (const std::size_t k : cohort) {
      const ParameterSet delta = train(k, common);
      if (!common.empty()) own[k] = next_control(own[k], common, delta, clients_[k].steps);
      REQUIRE(aggregator_->accept({ClientId{"c" + std::to_string(k)}, 1, 1, clients_[k].steps,
                                   scatter(delta.clone(), version.layout())}));
    }
    const Result<ParameterSet> mean = aggregator_->finish();
    REQUIRE(mean);
    make_server_optimizer(config_)->step(version, *mean);
    move_controls(version, *mean);
  }

  /// Largest distance from the optimum of the clients' mean loss.
  double error() const {
    double worst = 0;
    for (std::size_t i = 0; i < own[0].size(); ++i) {
      double curvature = 0, pull = 0;
      for (const Client& c : clients_) {
        curvature += c.h[i];
        pull += c.h[i] * c.b[i];
      }
      worst = std::max(worst, std::abs(static_cast<double>(version.values()[i]) - pull / curvature));
    }
    return worst;
  }

  /// Largest distance of d from the mean of all dₖ.
  double imbalance() const {
    const ParameterSet common = controls_of(version);
    double worst = 0;
    for (std::size_t i = 0; i < common.size(); ++i) {
      double mean = 0;
      for (const ParameterSet& control : own)
        mean += static_cast<double>(control.values()[i]) / kClients;
      worst = std::max(worst, std::abs(mean - static_cast<double>(common.values()[i])));
    }
    return worst;
  }

  ParameterSet version;
  std::vector<ParameterSet> own;

 private:
  struct Client {
    std::vector<double> h, b;
    std::int64_t steps = 0;
  };

  ParameterSet train(std::size_t k, const ParameterSet& common) const {
    const Client& c = clients_[k];
    ParameterSet delta(own[k].layout());
    const bool corrects = !common.empty();
    const ParameterSet correction = corrects ? drift_correction(own[k], common) : ParameterSet();
    for (std::size_t i = 0; i < delta.size(); ++i) {
      const auto start = static_cast<double>(version.values()[i]);
      double w = start;
      for (std::int64_t step = 0; step < c.steps; ++step) {
        w -= kRate * c.h[i] * (w - c.b[i]);
        if (corrects) w += static_cast<double>(correction.values()[i]);
      }
      delta.values()[i] = static_cast<float>(w - start);
    }
    return delta;
  }

  AggregationConfig config_;
  std::unique_ptr<Aggregator> aggregator_;
  std::vector<Client> clients_;
};

std::vector<std::size_t> everyone() {
  std::vector<std::size_t> out(kClients);
  for (std::size_t k = 0; k < out.size(); ++k) out[k] = k;
  return out;
}

}  // namespace

TEST_CASE("scaffold: clients that differ reach the optimum, where averaging stays beside it") {
  Quadratics averaged("fedavg"), corrected("scaffold");
  for (std::int64_t r = 1; r <= 150; ++r) {
    averaged.round(r, everyone());
    corrected.round(r, everyone());
  }
  CHECK(averaged.error() > 0.1);
  CHECK(corrected.error() < 1e-4);
  const ParameterSet left = controls_of(corrected.version);
  for (const float v : left.values()) CHECK(std::abs(v) < 1e-4);
}

TEST_CASE(
    "scaffold: with a few clients a round d stays the mean of all dk, and the optimum is reached") {
  Quadratics corrected("scaffold");
  RandomStream draw(Seed(8));
  for (std::int64_t r = 1; r <= 600; ++r) {
    std::vector<std::size_t> cohort = everyone();
    draw.shuffle(cohort);
    cohort.resize(3);
    corrected.round(r, cohort);
    if (r % 50 == 1) CHECK(corrected.imbalance() < 1e-5);
  }
  CHECK(corrected.error() < 1e-3);
}

TEST_CASE("scaffold: where clients are alike there is no drift, and it is averaging") {
  Quadratics averaged("fedavg", true), corrected("scaffold", true);
  for (std::int64_t r = 1; r <= 10; ++r) {
    averaged.round(r, everyone());
    corrected.round(r, everyone());
  }
  for (std::size_t i = 0; i < averaged.version.size(); ++i)
    CHECK(corrected.version.values()[i] == doctest::Approx(averaged.version.values()[i]).epsilon(1e-5));
}

TEST_CASE("scaffold: a version has a control for each trained tensor, which no update holds") {
  AggregationConfig config;
  const auto layout = std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"x.lora_A.weight", {2, 3}},
                                                                     {"x.lora_B.weight", {4, 2}}});
  CHECK(first_version(config, ParameterSet(layout)).layout() == layout);
  CHECK(controls_of(ParameterSet(layout)).empty());
  config.strategy = "scaffold";
  ParameterSet trained(layout);
  fill_normal(Seed(1), trained.values(), 1);
  const ParameterSet version = first_version(config, trained.clone());
  REQUIRE(version.layout()->entries().size() == 4);
  CHECK(version.layout()->entries()[2].name == "x.lora_A.weight.control");
  CHECK(*travelling_layout(version.layout(), Half::kBoth) == *layout);
  CHECK(std::ranges::equal(gather(version, layout).bytes(), std::as_const(trained).bytes()));
  const ParameterSet controls = controls_of(version);
  CHECK(*controls.layout() == *layout);
  CHECK(l2_norm(controls.values()) == 0);
}

TEST_CASE("scaffold: an update that does not tell its steps is refused") {
  AggregationConfig config;
  config.strategy = "scaffold";
  config.rule.population = 2;
  const auto aggregator = make_aggregator(config);
  const auto layout = std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"a", {3}}});
  const ParameterSet base = first_version(config, ParameterSet(layout));
  aggregator->begin(base, RoundId{1});
  CHECK(aggregator->accept({ClientId{"a"}, 1, 1, 0, ParameterSet(base.layout())}).error().code ==
        ErrorCode::kMalformed);
}
