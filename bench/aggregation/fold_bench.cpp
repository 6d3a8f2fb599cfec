// What a commit costs the coordinator for each client: decoding an update and folding it in, as a
// multiple of copying its bytes.
#include <benchmark/benchmark.h>

#include <cstring>

#include "aggregation/aggregator.h"
#include "aggregation/codec.h"
#include "core/clock.h"
#include "core/rng.h"

namespace fennec {
namespace {

constexpr std::int64_t kElements = 1 << 20;

LayoutPtr layout() {
  return std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"x", {kElements}}});
}

ParameterSet random_delta(const LayoutPtr& of) {
  ParameterSet delta(of);
  fill_normal(Seed(1), delta.values(), 0.01F);
  return delta;
}

template <class Work>
double seconds_of(Work work) {
  const SteadyClock clock;
  const TimePoint start = clock.now();
  work();
  return to_seconds(clock.now() - start);
}

/// Runs `work` next to a copy of the same bytes and reports the ratio of the two.
template <class Work>
void against_memcpy(benchmark::State& state, Work work) {
  const ParameterSet source = random_delta(layout());
  ParameterSet target(source.layout());
  double worked = 0, copied = 0;
  for (auto _ : state) {
    worked += seconds_of(work);
    copied += seconds_of([&] {
      std::memcpy(target.values().data(), source.values().data(), source.bytes().size());
      benchmark::DoNotOptimize(target.values().data());
      benchmark::ClobberMemory();
    });
  }
  state.SetItemsProcessed(state.iterations() * kElements);
  state.counters["x_memcpy"] = worked / copied;
}

void fedavg_accept(benchmark::State& state) {
  const LayoutPtr of = layout();
  const auto aggregator = make_aggregator({});
  aggregator->begin(of, RoundId{1});
  const Contribution contribution{{"a"}, 1, 100, 1, random_delta(of)};
  against_memcpy(state, [&] { benchmark::DoNotOptimize(aggregator->accept(contribution)); });
}
BENCHMARK(fedavg_accept)->Unit(benchmark::kMillisecond);

void fp32_decode(benchmark::State& state) {
  const LayoutPtr of = layout();
  const auto codec = make_codec("fp32");
  const std::vector<std::byte> bytes = codec->encode(random_delta(of));
  against_memcpy(state, [&] { benchmark::DoNotOptimize(codec->decode(bytes, of)); });
}
BENCHMARK(fp32_decode)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fennec

BENCHMARK_MAIN();
