#include <doctest/doctest.h>

#include "aggregation/aggregator.h"
#include "aggregation/codec.h"

using namespace fennec;

namespace {

ParameterSet scalar(float value) {
  ParameterSet set(std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"x", {1}}}));
  set.values()[0] = value;
  return set;
}

template <class F>
std::string refusal(F make) {
  try {
    make();
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("sgd moves by server_lr times the delta") {
  AggregationConfig config;
  config.server_lr = 0.5;
  ParameterSet x = scalar(1);
  make_server_optimizer(config)->step(x, scalar(0.5F));
  CHECK(x.values()[0] == 1.25F);
}

TEST_CASE("fedavgm reproduces the reference sequence, also across a restart") {
  AggregationConfig config;
  config.server_optimizer = "fedavgm";
  const float deltas[] = {.1F, .2F, -.1F};
  const double expected[] = {.1, .39, .551};
  auto optimizer = make_server_optimizer(config);
  ParameterSet x = scalar(0);
  for (int t = 0; t < 3; ++t) {
    optimizer->step(x, scalar(deltas[t]));
    CHECK(x.values()[0] == doctest::Approx(expected[t]).epsilon(1e-6));
    std::vector<ParameterSet> saved;
    for (const ParameterSet* moment : optimizer->state()) saved.push_back(moment->clone());
    optimizer = make_server_optimizer(config);
    REQUIRE(optimizer->restore(std::move(saved)));
  }
}

TEST_CASE("the adaptive optimizers reproduce Reddi's Algorithm 2, also across a restart") {
  struct Golden {
    const char* name;
    double expected[3];
  };
  const Golden goldens[] = {{"fedadagrad", {.0099005, .018804861, .014739011}},
                            {"fedadam", {.009050283, .021464542, .027805067}},
                            {"fedyogi", {.009049876, .021452033, .027761972}}};
  const float deltas[] = {.1F, .2F, -.1F};
  for (const Golden& golden : goldens) {
    CAPTURE(golden.name);
    AggregationConfig config;
    config.server_optimizer = golden.name;
    config.server_lr = 0.01;
    auto optimizer = make_server_optimizer(config);
    ParameterSet x = scalar(0);
    for (int t = 0; t < 3; ++t) {
      optimizer->step(x, scalar(deltas[t]));
      CHECK(x.values()[0] == doctest::Approx(golden.expected[t]).epsilon(2e-6));
      std::vector<ParameterSet> saved;
      for (const ParameterSet* moment : optimizer->state()) saved.push_back(moment->clone());
      optimizer = make_server_optimizer(config);
      REQUIRE(optimizer->restore(std::move(saved)));
    }
  }
}

TEST_CASE("without momentum fedavgm is sgd") {
  AggregationConfig plain, momentum;
  momentum.server_optimizer = "fedavgm";
  momentum.server_momentum = 0;
  const auto a = make_server_optimizer(plain), b = make_server_optimizer(momentum);
  ParameterSet x = scalar(0.3F), y = scalar(0.3F);
  for (const float d : {0.7F, -0.2F, 0.05F}) {
    a->step(x, scalar(d));
    b->step(y, scalar(d));
    CHECK(x.values()[0] == y.values()[0]);
  }
}

TEST_CASE("stored state that an optimizer does not keep is refused") {
  for (const std::string& name : server_optimizer_names()) {
    CAPTURE(name);
    AggregationConfig config;
    config.server_optimizer = name;
    std::vector<ParameterSet> many;
    for (int i = 0; i < 9; ++i) many.push_back(scalar(1));
    const auto restored = make_server_optimizer(config)->restore(std::move(many));
    REQUIRE_FALSE(restored);
    CHECK(restored.error().code == ErrorCode::kMismatch);
  }
}

TEST_CASE("unknown names list what is registered and suggest") {
  AggregationConfig config;
  config.strategy = "fedavgg";
  CHECK(refusal([&] {
          make_aggregator(config);
        }).find("unknown aggregation.strategy 'fedavgg'; did you mean 'fedavg'?; known: fedavg, ") ==
        0);
  config.server_optimizer = "adam";
  CHECK(
      refusal([&] { make_server_optimizer(config); }) ==
      "unknown aggregation.server_optimizer 'adam'; known: sgd, fedavgm, fedadagrad, fedadam, fedyogi");
  CHECK(refusal([&] {
          make_codec("int9");
        }).find("aggregation.codec: unknown codec stage 'int9'; did you mean 'int8'?; known: topk, ") ==
        0);
  config.strategy = "flora";
  CHECK(refusal([&] { make_aggregator(config); }).find("flora cannot run live: each device would") !=
        std::string::npos);
}
