#include "client/example_meter.h"

#include <doctest/doctest.h>

#include "core/files.h"
#include "tests/support/temp_dir.h"

using namespace fennec;

namespace {

Experiment experiment_of(double epsilon = 0) {
  Experiment e;
  e.train.local_steps = 20;
  e.privacy.example.noise_multiplier = 1.1;
  e.privacy.example.clip_norm = 1;
  e.privacy.example.batch_examples = 8;
  e.privacy.example.delta = 1e-4;
  e.privacy.example.epsilon = epsilon;
  return e;
}

double after(std::int64_t steps) {
  return epsilon_bound(Accounting::kRdp, {{0.1, 1.1, steps}}, 1e-4).epsilon;
}

}  // namespace

TEST_CASE("example meter: the device's own steps add up, over rounds and restarts") {
  const test::TempDir dir;
  const Experiment e = experiment_of();
  CHECK(read_spent(dir / "examples.json").empty());
  for (int round = 1; round <= 4; ++round) {
    ExampleMeter meter(e, 80, read_spent(dir / "examples.json"));  // another life each time
    const auto epsilon = meter.spend();
    REQUIRE(epsilon);
    CHECK(*epsilon == doctest::Approx(after(20 * round)).epsilon(1e-12));
    write_spent(dir / "examples.json", meter.spent());
  }
  // More examples meanwhile: another rate, and what was spent stays.
  ExampleMeter grown(e, 160, read_spent(dir / "examples.json"));
  REQUIRE(grown.spend());
  CHECK(grown.spent().size() == 2);
  CHECK(grown.epsilon() ==
        doctest::Approx(
            epsilon_bound(Accounting::kRdp, {{0.1, 1.1, 80}, {0.05, 1.1, 20}}, 1e-4).epsilon));
}

TEST_CASE("example meter: no round beyond the budget") {
  const Experiment e = experiment_of((after(60) + after(80)) / 2);
  ExampleMeter meter(e, 80);
  for (int round = 0; round < 3; ++round) REQUIRE(meter.spend());
  const auto refused = meter.spend();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kBudget);
  CHECK(meter.epsilon() == doctest::Approx(after(60)));
  CHECK(meter.spent().at(0).count == 60);
}

TEST_CASE("example meter: a file that is not one is named") {
  const test::TempDir dir;
  write_file_atomically(dir / "examples.json", R"([{"sampling_rate": 0.1, "steps": 3}])");
  CHECK_THROWS_WITH_AS(read_spent(dir / "examples.json"),
                       doctest::Contains("examples.json: field 'noise_multiplier'"), IoError);
  write_file_atomically(dir / "examples.json", "{");
  CHECK_THROWS_AS(read_spent(dir / "examples.json"), IoError);
}
