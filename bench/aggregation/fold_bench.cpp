// What combining a round costs the coordinator. Folding: 100 updates of 10 M parameters (or
// FENNEC_BENCH_PARAMETERS) into the mean, beside reading the same bytes; robust rules beside that mean.
// Decoding: each codec's time and bytes beside a copy of the decoded update.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <span>

#include "aggregation/aggregator.h"
#include "aggregation/codec.h"
#include "aggregation/exact_sum.h"
#include "core/clock.h"
#include "core/rng.h"

namespace fennec {
namespace {

constexpr std::int64_t kClients = 100;

std::int64_t parameters() {
  const char* asked = std::getenv("FENNEC_BENCH_PARAMETERS");
  return asked == nullptr ? 10'000'000 : std::atoll(asked);
}

LayoutPtr layout_of(std::int64_t size) {
  return std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"x", {size}}});
}

ParameterSet random_delta(const LayoutPtr& of, std::uint64_t seed) {
  ParameterSet delta(of);
  fill_uniform(Seed(seed), delta.values(), -0.01F, 0.01F);
  return delta;
}

template <class Work>
double seconds_of(Work work) {
  const SteadyClock clock;
  const TimePoint start = clock.now();
  work();
  return to_seconds(clock.now() - start);
}

/// The cohort's updates: as many different ones as memory is to hold, taken in turn.
const std::vector<ParameterSet>& updates() {
  static const std::vector<ParameterSet> all = [] {
    std::vector<ParameterSet> out;
    const LayoutPtr of = layout_of(parameters());
    const std::int64_t kept = std::min<std::int64_t>(kClients, 400'000'000 / parameters());
    for (std::int64_t k = 0; k < std::max<std::int64_t>(kept, 1); ++k)
      out.push_back(random_delta(of, static_cast<std::uint64_t>(k)));
    return out;
  }();
  return all;
}

/// Seconds to read the whole cohort once, with four streams of 64-bit sums.
double read_seconds() {
  return seconds_of([] {
    std::uint64_t sum = 0;
    for (std::int64_t k = 0; k < kClients; ++k) {
      const auto bytes = updates()[static_cast<std::size_t>(k) % updates().size()].bytes();
      std::uint64_t part[4] = {}, word[4];
      for (std::size_t at = 0; at + sizeof(word) <= bytes.size(); at += sizeof(word)) {
        std::memcpy(word, bytes.data() + at, sizeof(word));
        for (int i = 0; i < 4; ++i) part[i] += word[i];
      }
      sum += part[0] + part[1] + part[2] + part[3];
    }
    benchmark::DoNotOptimize(sum);
  });
}

std::vector<ExactSum::Term> cohort_terms() {
  std::vector<ExactSum::Term> out;
  for (std::int64_t k = 0; k < kClients; ++k)
    out.push_back({static_cast<double>(100 + k),
                   updates()[static_cast<std::size_t>(k) % updates().size()].values()});
  return out;
}

/// Folds the cohort `together` updates at a time, as they come.
double fold_seconds(std::size_t together) {
  const std::vector<ExactSum::Term> terms = cohort_terms();
  ParameterSet out(updates()[0].layout());
  return seconds_of([&] {
    ExactSum sum(out.size());
    for (std::size_t at = 0; at < terms.size(); at += together)
      sum.add(std::span(terms).subspan(at, std::min(together, terms.size() - at)));
    sum.write(out.values(), 1, 1);
    benchmark::DoNotOptimize(out.values().data());
  });
}

void fold_mean(benchmark::State& state) {
  double folded = 0, read = 0;
  for (auto _ : state) {
    read += read_seconds();
    folded += fold_seconds(static_cast<std::size_t>(state.range(0)));
  }
  state.counters["of_read_bandwidth"] = read / folded;
  state.counters["read_GB_per_s"] =
      static_cast<double>(state.iterations() * kClients * parameters() * 4) / read / 1e9;
}
BENCHMARK(fold_mean)->Arg(1)->Arg(16)->Arg(100)->Unit(benchmark::kMillisecond)->Iterations(2);

void robust_rule(benchmark::State& state, const char* rule) {
  AggregationConfig config;
  config.robust = rule;
  const ParameterSet base(updates()[0].layout());
  double combined = 0, mean = 0;
  for (auto _ : state) {
    mean += fold_seconds(16);
    const auto aggregator = make_aggregator(config);
    aggregator->begin(base, RoundId{1});
    for (std::int64_t k = 0; k < kClients; ++k) {
      Contribution c{{std::to_string(k)},
                     1,
                     100 + k,
                     1,
                     updates()[static_cast<std::size_t>(k) % updates().size()].clone()};
      if (!aggregator->accept(std::move(c))) return state.SkipWithError("not accepted");
    }
    combined += seconds_of([&] { benchmark::DoNotOptimize(aggregator->finish()); });
  }
  state.counters["x_fedavg"] = combined / mean;
}
BENCHMARK_CAPTURE(robust_rule, median, "median")->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK_CAPTURE(robust_rule, trimmedmean, "trimmedmean")
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);
BENCHMARK_CAPTURE(robust_rule, geomedian, "geomedian")->Unit(benchmark::kMillisecond)->Iterations(1);

void codec(benchmark::State& state, const char* name) {
  const LayoutPtr of = layout_of(1 << 20);
  const auto made = make_codec(name);
  ParameterSet source(of), target(of);
  fill_normal(Seed(1), source.values(), 0.01F);
  std::vector<std::byte> bytes;
  double decoded = 0, copied = 0, encoded = 0;
  for (auto _ : state) {
    encoded += seconds_of([&] { bytes = made->encode(source, {Seed(1), Seed(2)}); });
    decoded += seconds_of([&] { benchmark::DoNotOptimize(made->decode(bytes, of)); });
    copied += seconds_of([&] {
      std::memcpy(target.values().data(), source.values().data(), source.bytes().size());
      benchmark::DoNotOptimize(target.values().data());
      benchmark::ClobberMemory();
    });
  }
  state.counters["bits_a_parameter"] = static_cast<double>(bytes.size()) * 8 / (1 << 20);
  state.counters["encode_x_memcpy"] = encoded / copied;
  state.counters["decode_x_memcpy"] = decoded / copied;
}
BENCHMARK_CAPTURE(codec, fp32, "fp32")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(codec, bf16, "bf16")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(codec, int8, "int8")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(codec, int4, "int4")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(codec, int4_zstd, "int4+zstd")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(codec, sign, "sign")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(codec, topk_int8, "topk(0.05)+int8")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(codec, randomk_int8, "randomk(0.05)+int8")->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fennec

BENCHMARK_MAIN();
