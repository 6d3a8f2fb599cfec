// LoRA training of a model of sensor-tiny's shape on one thread, as a share of what the same machine's
// matrix product allows: the floor is 4·N FLOP a token (forward, and backward to inputs only) at the
// rate of plain at::mm.
//
//   OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 build/bin/train_step_bench
#include <benchmark/benchmark.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <utility>
#include <vector>

#include "core/lora_layout.h"
#include "lora/trainer.h"
#include "model/llama.h"

namespace {

using namespace fennec;  // NOLINT: a program

constexpr std::int64_t kBatchTokens = 1024, kVocabulary = 1024;
constexpr int kSteps = 4;

std::unique_ptr<CausalLm> sensor_tiny_shape() {
  LlamaConfig config;
  config.vocab_size = kVocabulary;
  config.hidden_size = 128;
  config.intermediate_size = 352;
  config.num_layers = 6;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 32;
  config.tied_head = true;
  config.rope.max_positions = 1024;
  return new_llama(config, Seed(1));
}

ParameterSet fresh_adapter(CausalLm& model) {
  std::vector<LinearShape> linears;
  for (const Projection* p : model.projections())
    linears.push_back({p->module(), p->in_features(), p->out_features()});
  return initial_lora(lora_layout(linears, 8), Seed(2));
}

/// Sensor windows are prompts of about `tokens` with a short answer.
std::vector<TokenizedExample> windows(std::size_t count, std::uint64_t tokens) {
  RandomStream stream{Seed(3)};
  std::vector<TokenizedExample> examples(count);
  for (TokenizedExample& example : examples) {
    example.ids.resize(tokens * 3 / 4 + stream.below(tokens / 2));
    for (TokenId& id : example.ids) id = static_cast<TokenId>(stream.below(kVocabulary));
    example.prompt_tokens = example.ids.size() - 4;
  }
  return examples;
}

/// CPU time of this thread: other processes of the machine do not count.
double cpu_seconds() {
  std::timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Time of the floor for one batch: each frozen weight once forward and once backward.
double floor_seconds(CausalLm& model) {
  const at::NoGradGuard no_grad;
  double best = 1e9;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const double start = cpu_seconds();
    for (const Projection* p : model.projections()) {
      const at::Tensor x = at::ones({kBatchTokens, p->weight().size(1)});
      const at::Tensor y = at::mm(x, p->weight().t());
      benchmark::DoNotOptimize(at::mm(y, p->weight()).data_ptr<float>());
    }
    best = std::min(best, (cpu_seconds() - start));
  }
  return best;
}

void train_steps(benchmark::State& state) {
  at::set_num_threads(1);
  const auto model = sensor_tiny_shape();
  const auto examples = windows(200, static_cast<std::uint64_t>(state.range(0)));
  TrainConfig config;
  config.local_steps = kSteps;
  config.batch_tokens = kBatchTokens;
  config.max_sequence_tokens = static_cast<int>(state.range(1));
  Trainer trainer(*model, {}, config);
  ParameterSet adapter = fresh_adapter(*model);
  const double floor = floor_seconds(*model);
  const double start = cpu_seconds();
  for (auto _ : state) benchmark::DoNotOptimize(trainer.train(adapter, examples, Seed(4)));
  const double spent = cpu_seconds() - start;
  const double steps = static_cast<double>(state.iterations()) * kSteps;
  state.counters["tokens/s"] = steps * kBatchTokens / spent;
  state.counters["floor/step"] = floor * steps / spent;
  double flop = 0;
  for (const Projection* p : model->projections())
    flop += 4.0 * static_cast<double>(p->weight().numel() * kBatchTokens);
  state.counters["mm_GFLOP/s"] = flop / floor * 1e-9;
}

}  // namespace

// {tokens an example, longest row}
BENCHMARK(train_steps)
    ->Args({110, 512})
    ->Args({110, 160})
    ->Args({220, 512})
    ->Args({40, 512})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_MAIN();
