// Decoding one token at a time on one thread, at SmolLM2-135M's shape with random weights. A token
// reads every weight once, so the floor is the memory: share_of_copy is the weights' bytes over the
// rate of a memcpy, token and memcpy in turns, over the time of a token; processor time, medians.
//
//   OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 build/bench/bin/decode_bench
#include <benchmark/benchmark.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <cstring>
#include <memory>
#include <vector>

#include "bench/lora/step_clock.h"
#include "bench/model/noise_weights.h"
#include "model/decoder.h"
#include "model/kv_cache.h"

namespace {

using namespace fennec;  // NOLINT: a program

constexpr const char* kPrecisions[] = {"fp32", "int8", "int4", "nf4"};
constexpr std::int64_t kContext = 64;

DecoderConfig smollm2_135m() {
  DecoderConfig c;
  c.vocab_size = 49152;
  c.hidden_size = 576;
  c.intermediate_size = 1536;
  c.num_layers = 30;
  c.num_heads = 9;
  c.num_kv_heads = 3;
  c.head_dim = 64;
  c.tied_head = true;
  return c;
}

/// A memcpy between buffers that no cache holds.
class Copy {
 public:
  /// Bytes a second of processor time.
  double rate() {
    const double start = bench::cpu_seconds();
    std::memcpy(to_.data(), from_.data(), from_.size());
    benchmark::DoNotOptimize(to_.data());
    return static_cast<double>(from_.size()) / (bench::cpu_seconds() - start);
  }

 private:
  std::vector<char> from_ = std::vector<char>(128 << 20, 1), to_ = std::vector<char>(128 << 20, 1);
};

/// A conversation of kContext tokens, ready for more.
std::unique_ptr<KvCache> prefill(const CausalLm& model) {
  auto cache = std::make_unique<KvCache>(model, 1, 4 * kContext);
  model.hidden({at::zeros({1, kContext}, at::kLong), {}, {}}, cache.get());
  return cache;
}

void decode(benchmark::State& state) {
  at::set_num_threads(1);
  const at::NoGradGuard no_grad;
  const std::string precision = kPrecisions[state.range(0)];
  state.SetLabel(precision);
  bench::NoiseWeights weights(precision);
  const auto model = make_decoder(smollm2_135m(), weights, "");
  const auto bytes = static_cast<double>(weights.bytes());
  const at::Tensor token = at::zeros({1, 1}, at::kLong);
  auto cache = prefill(*model);
  Copy copy;
  std::vector<double> rates, seconds;
  for (auto _ : state) {
    if (cache->length() == 4 * kContext) cache = prefill(*model);
    const double start = bench::cpu_seconds();
    const at::Tensor h = model->hidden({token, {}, {}}, cache.get()).flatten(0, 1);
    benchmark::DoNotOptimize(model->head(h).argmax(-1));
    seconds.push_back(bench::cpu_seconds() - start);
    state.SetIterationTime(seconds.back());
    rates.push_back(copy.rate());
  }
  const double rate = bench::median(rates), token_seconds = bench::median(seconds);
  state.counters["weights_MB"] = bytes * 1e-6;
  state.counters["copy_GB/s"] = rate * 1e-9;
  state.counters["share_of_copy"] = bytes / rate / token_seconds;
  state.counters["tokens/s"] = 1 / token_seconds;
}

}  // namespace

BENCHMARK(decode)->DenseRange(0, 3)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK_MAIN();
