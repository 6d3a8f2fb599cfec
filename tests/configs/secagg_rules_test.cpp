#include <doctest/doctest.h>

#include <algorithm>

#include "configs/experiment.h"

using namespace fennec;

namespace {

Experiment secure() {
  Experiment e;
  e.rounds.cohort_size = 10;
  e.privacy.clip_norm = 1;
  e.privacy.secagg.mode = "honest";
  return e;
}

/// Whether one problem, and only one, names all of this.
bool refuses(const Experiment& e, const std::vector<std::string>& parts) {
  const std::vector<std::string> problems = validate(e);
  CAPTURE(problems.size());
  return problems.size() == 1 && std::all_of(parts.begin(), parts.end(), [&](const auto& part) {
           return problems[0].find(part) != std::string::npos;
         });
}

}  // namespace

TEST_CASE("secure aggregation rules: what holds is accepted") {
  Experiment e = secure();
  CHECK(validate(e).empty());
  for (const char* strategy : {"fedavg", "ffa", "rolora"}) {
    e.aggregation.strategy = strategy;
    CHECK(validate(e).empty());
  }
  e = secure();
  e.privacy.secagg.mode = "active";
  e.privacy.secagg.max_weight = 5000;
  e.aggregation.server_optimizer = "fedadam";
  e.aggregation.server_lr = 0.01;
  CHECK(validate(e).empty());
  e = secure();
  e.privacy.clip_norm = 0;
  e.privacy.secagg.clip = 0.5;
  CHECK(validate(e).empty());
  e = secure();
  e.privacy.secagg.groups = 3;
  for (const char* rule : {"median", "trimmedmean", "geomedian"}) {
    e.aggregation.robust = rule;
    CHECK(validate(e).empty());
  }
}

TEST_CASE("secure aggregation rules: what needs single updates is refused by name") {
  for (const char* strategy : {"flexlora", "lorafair", "krum", "median"}) {
    CAPTURE(std::string(strategy));
    Experiment e = secure();
    e.rounds.min_updates = 8;
    e.aggregation.strategy = strategy;
    CHECK(refuses(e, {"aggregation.strategy '" + std::string(strategy) + "'", "every single update"}));
  }
  for (const char* weighs : {"fednova", "qfedavg"}) {
    Experiment e = secure();
    e.aggregation.strategy = weighs;
    CHECK(refuses(e, {"aggregation.strategy '" + std::string(weighs) + "'", "tell of themselves"}));
  }
  Experiment buffered = secure();
  buffered.aggregation.strategy = "fedbuff";
  buffered.rounds.buffer_size = 4;
  CHECK(refuses(buffered, {"aggregation.strategy 'fedbuff'", "every single update"}));
  Experiment e = secure();
  e.aggregation.robust = "median";
  CHECK(refuses(e, {"aggregation.robust 'median'", "groups of 3 or more"}));
  e = secure();
  e.privacy.secagg.groups = 3;
  CHECK(refuses(e, {"privacy.secagg.groups 3", "aggregation.robust"}));
  e.aggregation.robust = "normclip";
  CHECK(refuses(e, {"privacy.secagg.groups 3", "is 'normclip'"}));
  e = secure();
  e.aggregation.codec = "int8";
  CHECK(refuses(e, {"aggregation.codec must be fp32", "'int8'"}));
}

TEST_CASE("secure aggregation rules: cohorts, thresholds and numbers that cannot be") {
  Experiment e = secure();
  e.rounds.cohort_size = 2;
  CHECK(refuses(e, {"rounds.cohort_size must be at least 3", "is 2"}));
  e = secure();
  e.rounds.min_updates = 6;  // of 10 with dropouts 0.3: 7
  CHECK(refuses(e, {"rounds.min_updates must be 0 or at least 7", "is 6"}));
  e = secure();
  e.rounds.selection.method = "oort";
  CHECK(refuses(e, {"rounds.selection.method must be uniform", "'oort'"}));
  e = secure();
  e.privacy.secagg.survivors = 2;
  CHECK(refuses(e, {"privacy.secagg.survivors", "at least 3"}));
  e = secure();
  e.privacy.secagg.survivors = 11;
  CHECK(refuses(e, {"privacy.secagg.survivors must not exceed the 10 devices"}));
  e = secure();
  e.privacy.clip_norm = 0;
  CHECK(refuses(e, {"privacy.secagg.clip must be set"}));
  e = secure();
  e.privacy.secagg.value_bits = 40;
  CHECK(refuses(e, {"privacy.secagg.value_bits", "is 40"}));
  e = secure();
  e.privacy.secagg.corrupt = 0.5;
  e.privacy.secagg.dropouts = 0.5;
  CHECK(refuses(e, {"privacy.secagg.corrupt and dropouts"}));
  e = secure();
  e.privacy.secagg.mode = "paranoid";
  CHECK(refuses(e, {"privacy.secagg.mode", "'paranoid'"}));
  e = secure();
  e.privacy.secagg.suite = "rc4";
  CHECK(refuses(e, {"privacy.secagg.suite", "'rc4'"}));
  e = secure();
  e.privacy.secagg.groups = 2;
  e.aggregation.robust = "median";
  CHECK(refuses(e, {"privacy.secagg.groups must be 1 or between 3"}));
}

TEST_CASE("secure aggregation rules: differential privacy that would be a false statement") {
  Experiment e = secure();
  e.privacy.clip_norm = 0;
  e.privacy.secagg.clip = 1;
  e.privacy.dp.clip_norm = 1;
  e.privacy.dp.noise_multiplier = 1;
  e.privacy.dp.delta = 1e-6;
  e.privacy.dp.mechanism = "central";
  CHECK(refuses(e, {"privacy.dp.mechanism central cannot go with privacy.secagg", "distributed"}));
  e.privacy.dp.mechanism = "local";
  CHECK(refuses(e, {"privacy.dp.mechanism local cannot go with privacy.secagg", "distributed"}));
}

TEST_CASE("secure aggregation rules: an unknown key names its neighbour") {
  try {
    parse_experiment("privacy: {secagg: {mode: honest, dropuots: 0.1}}", "x.yaml");
    FAIL("accepted");
  } catch (const std::exception& error) {
    CHECK(std::string(error.what()).find("dropouts") != std::string::npos);
  }
}
