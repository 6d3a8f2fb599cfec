#include "coordinator/admission.h"

#include <doctest/doctest.h>

#include "tests/coordinator/small_run.h"

using namespace fennec;
using namespace fennec::test;

namespace {

LayoutPtr small_layout() {
  return std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"a", {2, 3}}, {"b", {4}}});
}

AdmissionRules rules_of(const Experiment& experiment) {
  return admission_rules(experiment, "run", std::string(64, '0'), small_layout());
}

}  // namespace

TEST_CASE("admission: a claim of work is bounded by what the experiment makes possible") {
  Experiment experiment = small_experiment("base");
  experiment.train.local_steps = 7;
  experiment.train.batch_tokens = 100;
  experiment.train.max_sequence_tokens = 64;
  UpdateOffer offer = fake_update(small_layout(), "a", RoundId{1}, AdapterVersion{0}).offer;
  const auto taken = [&](std::int64_t tokens, std::int64_t steps, std::int64_t examples = 5) {
    offer.supervised_tokens = tokens;
    offer.steps = steps;
    return check_offer(rules_of(experiment), offer, examples).has_value();
  };
  CHECK(taken(700, 7));
  CHECK_FALSE(taken(701, 7));
  CHECK_FALSE(taken(700, 8));
  CHECK_FALSE(taken(1LL << 40, 7));
  experiment.train.max_sequence_tokens = 300;  // one row alone may be more than a batch
  CHECK(taken(2100, 7));
  CHECK_FALSE(taken(2101, 7));

  experiment.train.local_epochs = 3;
  CHECK(taken(5 * 300 * 3, 15));
  CHECK_FALSE(taken(5 * 300 * 3 + 1, 15));
  CHECK_FALSE(taken(5 * 300 * 3, 16));
  CHECK_FALSE(taken(1LL << 40, 15, 1LL << 48));  // nor does a lie in the hello help
}

TEST_CASE("admission: the norm limit is the run's clip norm, or the absolute one") {
  Experiment experiment = small_experiment("base");
  CHECK(rules_of(experiment).max_norm == kMostNorm);
  experiment.privacy.clip_norm = 2;
  CHECK(rules_of(experiment).max_norm == doctest::Approx(2.002));
}

TEST_CASE("admission: the protocols that are spoken are taken, and no other") {
  const AdmissionRules rules = rules_of(small_experiment("base"));
  Hello hello;
  hello.run_id = rules.run_id;
  hello.base_digest = rules.base_digest;
  for (int protocol = kOldestProtocol; protocol <= kProtocol; ++protocol) {
    hello.protocol = protocol;
    CHECK(check_hello(rules, hello));
  }
  for (const int protocol : {kOldestProtocol - 1, kProtocol + 1}) {
    hello.protocol = protocol;
    CHECK(check_hello(rules, hello).error().code == ErrorCode::kVersion);
  }
}
