// The coordinator's steps between versions as a device fetches them.
#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "client/adapter_cache.h"
#include "client/adapter_fetch.h"
#include "coordinator/downlink.h"
#include "core/digest.h"
#include "core/lora_layout.h"
#include "tests/support/fetched.h"
#include "tests/support/temp_dir.h"

using namespace fennec;

TEST_CASE("a device that has the version before fetches the step, and else the whole version") {
  const test::TempDir dir;
  const LayoutPtr layout = lora_layout({{"model.layers.0.self_attn.q_proj", 8, 6}}, 2);
  Experiment experiment;
  experiment.aggregation.downlink = "int8";
  const Downlink downlink(experiment);
  std::map<std::string, std::vector<std::byte>> served;
  std::vector<RoundPlan> plans;
  std::vector<ParameterSet> versions;
  versions.push_back(initial_lora(layout, Seed(4)));
  for (std::int64_t v = 1; v <= 3; ++v) {
    Commit commit{initial_lora(layout, Seed(10 + static_cast<std::uint64_t>(v))), {}, {}};
    commit.record.round = RoundId{v};
    downlink.encode(commit, versions.back());
    const std::vector<std::byte> file = adapter_file_bytes(commit.adapter);
    const StepFile step = step_file(commit.step);
    plans.push_back({{v},
                     PlanKind::kTrain,
                     {v},
                     static_cast<std::int64_t>(file.size()),
                     to_hex(sha256(file)),
                     0,
                     0,
                     step.bytes,
                     step.sha256});
    served["adapter/" + std::to_string(v)] = file;
    served["step/" + std::to_string(v)] = commit.step;
    versions.push_back(std::move(commit.adapter));
  }
  const auto fetch_of = [&](const std::filesystem::path& cache) {
    std::filesystem::create_directories(cache);
    return AdapterFetch(
        experiment, layout, [layout] { return initial_lora(layout, Seed(4)); }, cache);
  };
  const auto check = [&](AdapterFetch& fetch, std::size_t version, const std::string& kind) {
    CAPTURE(version);
    const auto begun = fetch.begin(plans[version - 1]);
    REQUIRE(begun);
    REQUIRE_FALSE(*begun);
    CHECK(fetch.request()->transfer == kind + "/" + std::to_string(version));
    const auto adapter = test::fetched(fetch, served);
    REQUIRE(adapter);
    CHECK((adapter_file_bytes(*adapter) == adapter_file_bytes(versions[version])));
  };
  AdapterFetch steady = fetch_of(dir / "steady");
  for (std::size_t v = 1; v <= 3; ++v) check(steady, v, "step");
  AdapterFetch away = fetch_of(dir / "away");
  check(away, 1, "step");
  check(away, 3, "adapter");

  // A version before that is another, or a step to another, costs a second transfer and nothing else.
  AdapterFetch unlucky = fetch_of(dir / "unlucky");
  AdapterCache(dir / "unlucky").store({1}, served.at("adapter/3"));
  check(unlucky, 2, "step");
  served["step/3"] = served["step/2"];
  plans[2].step_sha256 = plans[1].step_sha256;
  check(unlucky, 3, "step");
  plans[2].step_bytes = std::int64_t{1} << 40;
  AdapterFetch bounded = fetch_of(dir / "bounded");
  CHECK(bounded.begin(plans[2]).error().code == ErrorCode::kMalformed);
}
