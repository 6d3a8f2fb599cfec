// Each fused training operation, forward and backward, against the same in plain tensor operations; and
// the low-rank products against plain at::mm.
//
//   OMP_NUM_THREADS=1 build/bench/bin/ops_bench
#include <benchmark/benchmark.h>

#include <functional>
#include <vector>

#include <ATen/ATen.h>

#include "bench/lora/step_clock.h"
#include "model/compute_threads.h"
#include "model/ops/document_attention.h"
#include "model/ops/linear_cross_entropy.h"
#include "model/ops/lora_linear.h"
#include "model/ops/rms_norm.h"
#include "model/ops/rope.h"
#include "model/ops/swiglu.h"

namespace {

using namespace fennec;  // NOLINT: a program
using Op = std::function<at::Tensor()>;

constexpr std::int64_t kRows = 4, kTokens = 128, kWidth = 256, kInner = 704, kHeads = 4, kKvHeads = 2,
                       kHeadWidth = 64, kVocabulary = 2048, kRank = 8;

at::Tensor leaf(std::vector<std::int64_t> shape) { return at::randn(shape).requires_grad_(true); }

double seconds_of(const Op& op) {
  const double start = bench::cpu_seconds();
  op().sum().backward();
  return bench::cpu_seconds() - start;
}

/// Both in turns; the counter is the median of reference ÷ fused.
void against_reference(benchmark::State& state, const Op& fused, const Op& reference) {
  std::vector<double> ratios;
  seconds_of(fused), seconds_of(reference);
  for (auto _ : state) {
    const double spent = seconds_of(fused);
    state.SetIterationTime(spent);
    ratios.push_back(seconds_of(reference) / spent);
  }
  state.counters["reference/fused"] = bench::median(ratios);
}

void rms_norm_op(benchmark::State& state) {
  const at::Tensor x = leaf({kRows * kTokens, kWidth}), w = at::randn({kWidth});
  against_reference(
      state, [&] { return rms_norm(x, w, 1e-5); }, [&] { return rms_norm_reference(x, w, 1e-5); });
}

void rope_op(benchmark::State& state) {
  const at::Tensor x = leaf({kRows * kTokens, kHeads * kHeadWidth}),
                   angle = at::randn({kTokens, kHeadWidth / 2});
  const RopeTable table{angle.cos(), angle.sin()};
  against_reference(
      state, [&] { return split_heads(x, kRows, kHeads, table); },
      [&] { return split_heads_reference(x, kRows, kHeads, table); });
}

void attention_op(benchmark::State& state) {
  const at::Tensor q = leaf({kRows, kHeads, kTokens, kHeadWidth}),
                   k = leaf({kRows, kKvHeads, kTokens, kHeadWidth}),
                   v = leaf({kRows, kKvHeads, kTokens, kHeadWidth});
  std::vector<DocumentRun> runs;
  for (std::int64_t row = 0; row < kRows; ++row)
    for (std::int64_t begin = 0; begin < kTokens; begin += state.range(0))
      runs.push_back({row, begin, state.range(0)});
  against_reference(
      state, [&] { return document_attention(q, k, v, runs); },
      [&] { return document_attention_reference(q, k, v, runs); });
}

void swiglu_op(benchmark::State& state) {
  const at::Tensor gate = leaf({kRows * kTokens, kInner}), up = leaf({kRows * kTokens, kInner});
  against_reference(
      state, [&] { return swiglu(gate, up); }, [&] { return swiglu_reference(gate, up); });
}

void lora_linear_op(benchmark::State& state) {
  const at::Tensor x = leaf({kRows * kTokens, kWidth});
  const LoraLinear linear{
      at::randn({kInner, kWidth}), {}, leaf({kRank, kWidth}), leaf({kInner, kRank}), 2};
  against_reference(
      state, [&] { return lora_linear(x, linear); }, [&] { return lora_linear_reference(x, linear); });
}

void frozen_linear_op(benchmark::State& state) {
  const at::Tensor x = leaf({kRows * kTokens, kWidth});
  const LoraLinear linear{at::randn({kInner, kWidth}), {}, {}, {}, 1};
  against_reference(
      state, [&] { return lora_linear(x, linear); }, [&] { return lora_linear_reference(x, linear); });
}

void cross_entropy_op(benchmark::State& state) {
  const at::Tensor h = leaf({kRows * kTokens / 2, kWidth}), w = at::randn({kVocabulary, kWidth}),
                   targets = at::randint(kVocabulary, {kRows * kTokens / 2}, at::kLong);
  against_reference(
      state, [&] { return linear_cross_entropy(h, w, targets); },
      [&] { return linear_cross_entropy_reference(h, w, targets); });
}

}  // namespace

BENCHMARK(rms_norm_op)->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(rope_op)->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(attention_op)->Arg(128)->Arg(32)->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(swiglu_op)->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(lora_linear_op)->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(frozen_linear_op)->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(cross_entropy_op)->UseManualTime()->Unit(benchmark::kMicrosecond);

int main(int argc, char** argv) {
  set_compute_threads(1);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
