#include <doctest/doctest.h>

#include <algorithm>

#include "configs/experiment.h"

using namespace fennec;

namespace {

Experiment central() {
  Experiment e;
  e.privacy.dp.mechanism = "central";
  e.privacy.dp.clip_norm = 0.5;
  e.privacy.dp.noise_multiplier = 1;
  e.privacy.dp.delta = 1e-6;
  return e;
}

/// Whether one problem, and only one, names all of this.
bool refuses(const Experiment& e, const std::vector<std::string>& parts) {
  const std::vector<std::string> problems = validate(e);
  return problems.size() == 1 && std::all_of(parts.begin(), parts.end(), [&](const auto& part) {
           return problems[0].find(part) != std::string::npos;
         });
}

}  // namespace

TEST_CASE("privacy rules: what holds is accepted") {
  Experiment e = central();
  CHECK(validate(e).empty());
  e.privacy.dp.sampling = "poisson";
  e.privacy.dp.population = 100;
  CHECK(validate(e).empty());
  e.rounds.cohort_size = 60;
  e.privacy.dp.adaptive_clip.enabled = true;
  CHECK(validate(e).empty());
  e = central();
  e.privacy.dp.mechanism = "local";
  CHECK(validate(e).empty());
}

TEST_CASE("privacy rules: what would make epsilon a false statement is refused by name") {
  Experiment e = central();
  e.privacy.dp.population = 100;
  CHECK(refuses(e, {"privacy.dp.population", "not a Poisson sample"}));
  e = central();
  e.aggregation.strategy = "trimmedmean";
  CHECK(refuses(e, {"aggregation.strategy 'trimmedmean'", "not a plain mean"}));
  e = central();
  e.aggregation.robust = "median";
  CHECK(refuses(e, {"aggregation.robust 'median'", "the noised mean"}));
  for (const char* weighs : {"fednova", "qfedavg"}) {
    CAPTURE(std::string(weighs));
    e = central();
    e.privacy.dp.mechanism = "local";
    e.aggregation.strategy = weighs;
    CHECK(refuses(e, {"aggregation.strategy '" + std::string(weighs) + "'", "keeps to itself"}));
  }
  e = central();
  e.privacy.clip_norm = 1;
  CHECK(refuses(e, {"privacy.clip_norm must be 0"}));
  e = central();
  e.privacy.dp.mechanism = "local";
  e.privacy.dp.sampling = "poisson";
  e.privacy.dp.population = 100;
  CHECK(refuses(e, {"privacy.dp.sampling poisson needs", "central"}));
  e = central();
  e.privacy.dp.sampling = "poisson";
  CHECK(refuses(e, {"privacy.dp.population must be at least rounds.cohort_size (4)"}));
  e.privacy.dp.population = 100;
  e.rounds.min_updates = 2;
  CHECK(refuses(e, {"rounds.min_updates must be 0"}));
  e = central();
  e.privacy.dp.mechanism = "off";
  CHECK(refuses(e, {"privacy.dp.mechanism is off"}));
  e = central();
  e.privacy.dp.adaptive_clip.enabled = true;  // the count's noise for a cohort of 4 is 0.2
  CHECK(refuses(e, {"privacy.dp.noise_multiplier must be below twice"}));
  e.privacy.dp.adaptive_clip.count_stddev = 5;
  CHECK(validate(e).empty());
  e.privacy.dp.mechanism = "local";
  CHECK(refuses(e, {"privacy.dp.adaptive_clip needs"}));
}

TEST_CASE("privacy rules: noise from the devices, under secure aggregation only") {
  Experiment e = central();
  e.privacy.dp.mechanism = "distributed";
  CHECK(refuses(e, {"privacy.dp.mechanism distributed needs privacy.secagg"}));
  e.rounds.cohort_size = 10;
  e.privacy.secagg.mode = "honest";
  CHECK(validate(e).empty());
  const Experiment sound = e;
  e.privacy.dp.accountant = "zcdp";
  CHECK(validate(e).empty());
  e.privacy.dp.accountant = "pld";
  CHECK(refuses(e, {"privacy.dp.accountant pld", "discrete Gaussians"}));
  e = sound;
  e.privacy.secagg.max_weight = 100;
  CHECK(refuses(e, {"privacy.secagg.max_weight must be 0", "is 100"}));
  e = sound;
  e.privacy.secagg.value_bits = 20;
  CHECK(refuses(e, {"privacy.secagg.clip and value_bits must be 0", "are 0 and 20"}));
  e = sound;
  e.privacy.secagg.corrupt = 0.65;
  e.privacy.secagg.survivors = 6;
  CHECK(refuses(e, {"privacy.secagg.survivors (6)", "(0.65)"}));
  e = sound;
  e.privacy.clip_norm = 1;
  CHECK(refuses(e, {"privacy.clip_norm must be 0"}));
  e = sound;
  e.privacy.dp.sampling = "poisson";
  e.privacy.dp.population = 100;
  CHECK(refuses(e, {"privacy.dp.sampling poisson needs", "distributed"}));
  e = sound;
  e.privacy.dp.adaptive_clip.enabled = true;
  e.privacy.dp.adaptive_clip.count_stddev = 5;
  CHECK(refuses(e, {"privacy.dp.adaptive_clip needs"}));
  e = sound;
  e.privacy.secagg.groups = 3;
  e.aggregation.robust = "median";
  CHECK(validate(e).empty());
  e = central();
  e.privacy.dp.accountant = "zcdp";
  CHECK(validate(e).empty());
  e.privacy.dp.sampling = "poisson";
  e.privacy.dp.population = 100;
  CHECK(refuses(e, {"privacy.dp.accountant zcdp", "poisson"}));
}

TEST_CASE("privacy rules: single examples") {
  Experiment e;
  e.privacy.example.noise_multiplier = 1;
  e.privacy.example.clip_norm = 0.5;
  e.privacy.example.delta = 1e-4;
  const Experiment sound = e;
  CHECK(validate(e).empty());
  e.privacy.example.clip_norm = 0;
  CHECK(refuses(e, {"privacy.example.clip_norm"}));
  e = sound;
  e.privacy.example.batch_examples = 0;
  CHECK(refuses(e, {"privacy.example.batch_examples"}));
  e = sound;
  e.privacy.example.delta = 0;
  CHECK(refuses(e, {"privacy.example.delta"}));
  e = sound;
  e.privacy.example.noise_multiplier = 0;
  e.privacy.example.epsilon = 2;
  CHECK(refuses(e, {"privacy.example.epsilon", "nothing would keep"}));
  e = sound;
  e.train.optimizer = "mezo";
  CHECK(refuses(e, {"privacy.example needs train.optimizer adamw"}));
  e = sound;
  e.train.selection.strategy = "loss";
  CHECK(refuses(e, {"train.selection 'loss'"}));
  e = sound;
  e.rounds.selection.method = "oort";
  CHECK(refuses(e, {"rounds.selection.method 'oort'"}));
  e = sound;
  e.aggregation.strategy = "qfedavg";
  CHECK(refuses(e, {"aggregation.strategy 'qfedavg'", "privacy.example"}));
  e = sound;
  e.rounds.cohort_size = 10;
  e.privacy.clip_norm = 1;
  e.privacy.secagg.mode = "honest";
  CHECK(refuses(e, {"privacy.example goes with privacy.secagg only"}));
}

TEST_CASE("privacy rules: ranges") {
  for (const auto& [change, name] : std::vector<std::pair<void (*)(DpConfig&), const char*>>{
           {[](DpConfig& dp) { dp.mechanism = "global"; }, "privacy.dp.mechanism must be one of"},
           {[](DpConfig& dp) { dp.clip_norm = 0; }, "privacy.dp.clip_norm"},
           {[](DpConfig& dp) { dp.noise_multiplier = 0; }, "privacy plan"},
           {[](DpConfig& dp) { dp.delta = 1; }, "privacy.dp.delta"},
           {[](DpConfig& dp) { dp.epsilon = -1; }, "privacy.dp.epsilon"},
           {[](DpConfig& dp) { dp.accountant = "moments"; }, "privacy.dp.accountant"},
           {[](DpConfig& dp) { dp.sampling = "shuffled"; }, "privacy.dp.sampling"}}) {
    Experiment e = central();
    change(e.privacy.dp);
    const std::string key = name;
    CAPTURE(key);
    CHECK(refuses(e, {key}));
  }
}
