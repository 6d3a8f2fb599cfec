#include "coordinator/downlink.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "aggregation/travel.h"
#include "aggregation/version_step.h"
#include "core/lora_layout.h"
#include "core/parameter_math.h"

using namespace fennec;

namespace {

LayoutPtr small_layout() { return lora_layout({{"model.layers.0.self_attn.q_proj", 60, 40}}, 4); }

ParameterSet drawn(std::uint64_t seed, float scale) {
  ParameterSet out(small_layout());
  fill_normal(Seed(seed), out.values(), scale);
  return out;
}

Commit commit_of(std::int64_t round, ParameterSet adapter) {
  Commit commit{std::move(adapter), {}, {}};
  commit.record.round = RoundId{round};
  return commit;
}

Experiment with(const std::string& downlink, const std::string& strategy = "fedavg") {
  Experiment e;
  e.aggregation.strategy = strategy;
  e.aggregation.downlink = downlink;
  return e;
}

}  // namespace

TEST_CASE("downlink: who adds the step to the version before has the next one, to the last bit") {
  for (const char* codec : {"bf16", "int8", "int4", "int8+zstd", "fp32"}) {
    CAPTURE(std::string(codec));
    const Downlink downlink(with(codec));
    ParameterSet version = drawn(1, 1);
    for (std::int64_t round = 1; round <= 3; ++round) {
      ParameterSet wanted = drawn(10 + static_cast<std::uint64_t>(round), 0.05F);
      axpy(1, version.values(), wanted.values());
      Commit commit = commit_of(round, wanted.clone());
      downlink.encode(commit, version);
      REQUIRE_FALSE(commit.step.empty());
      const auto next = next_version(version, commit.step, *make_codec(codec), small_layout());
      REQUIRE(next);
      CHECK(adapter_file_bytes(*next) == adapter_file_bytes(commit.adapter));
      ParameterSet lost(small_layout()), step(small_layout());
      subtract(commit.adapter.values(), std::as_const(wanted).values(), lost.values());
      subtract(commit.adapter.values(), std::as_const(version).values(), step.values());
      CHECK(l2_norm(std::as_const(lost).values()) < 0.2 * l2_norm(std::as_const(step).values()));
      CHECK(commit.record.update_norm == l2_norm(std::as_const(step).values()));
      Commit again = commit_of(round, wanted.clone());
      downlink.encode(again, version);
      CHECK(again.step == commit.step);
      version = std::move(commit.adapter);
    }
  }
}

TEST_CASE("downlink: of a round of halves, the step holds the half that moved") {
  const Downlink whole(with("int8")), halves(with("int8", "rolora"));
  const ParameterSet base = drawn(1, 1);
  for (const std::int64_t round : {1, 2}) {
    ParameterSet adapter = base.clone();
    const Half half = half_of_round(Travel::kAlternate, RoundId{round});
    for (const ParameterEntry& entry : adapter.layout()->entries())
      if (travels(entry.name, half)) adapter.values(entry)[0] += 1;
    Commit all = commit_of(round, adapter.clone()), part = commit_of(round, adapter.clone());
    whole.encode(all, base);
    halves.encode(part, base);
    CHECK(part.step.size() < all.step.size());
    const auto next =
        next_version(base, part.step, *make_codec("int8"), travelling_layout(base.layout(), half));
    REQUIRE(next);
    CHECK(adapter_file_bytes(*next) == adapter_file_bytes(part.adapter));
  }
}

TEST_CASE("downlink: without a codec, or with a step it cannot hold, versions go down as they are") {
  const ParameterSet base = drawn(1, 1), wanted = drawn(2, 1);
  Commit commit = commit_of(1, wanted.clone());
  Downlink(with("")).encode(commit, base);
  CHECK(commit.step.empty());
  CHECK(adapter_file_bytes(commit.adapter) == adapter_file_bytes(wanted));
  CHECK(step_file(commit.step).bytes == 0);
  CHECK(step_file(commit.step).sha256.empty());

  ParameterSet low = drawn(1, 1), high = drawn(2, 1);
  low.values()[0] = -std::numeric_limits<float>::max();
  high.values()[0] = std::numeric_limits<float>::max();
  Commit huge = commit_of(1, high.clone());
  Downlink(with("int8")).encode(huge, low);
  CHECK(huge.step.empty());
  CHECK(adapter_file_bytes(huge.adapter) == adapter_file_bytes(high));
}
