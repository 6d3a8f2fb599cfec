// The whole LoRA training step, held against plain LibTorch and against what the machine's matrix
// product allows.
//
//   lora_step_bench compare SHAPE…             both in turns in one process: ratios
//   lora_step_bench run SHAPE fused|eager      one alone: a line of JSON with losses, speed and peak
//   memory lora_step_bench export SHAPE DIR           weights, adapter and batches, for bench/peers
#include <atomic>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iostream>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "bench/lora/eager_step.h"
#include "bench/lora/step_clock.h"
#include "core/error.h"
#include "core/files.h"
#include "core/peft_directory.h"
#include "lora/trainer.h"
#include "model/compute_threads.h"
#include "model/model_config.h"
#include "model/save_checkpoint.h"

namespace {

using namespace fennec;         // NOLINT: a program
using namespace fennec::bench;  // NOLINT

using Losses = std::vector<double>;

Losses run_fused(StepSetup& setup, int steps) {
  setup.train.local_steps = steps;
  ParameterSet adapter = setup.adapter.clone();
  Losses losses;
  TrainHooks hooks;
  hooks.on_step = [&](std::int64_t, std::int64_t, double loss) { losses.push_back(loss); };
  Trainer trainer(*setup.model, setup.lora, setup.train);
  if (const auto report = trainer.train(adapter, setup.examples, Seed(4), hooks); !report)
    throw IoError(report.error().message);
  return losses;
}

Losses run_eager(StepSetup& setup, int steps) {
  setup.train.local_steps = steps;
  EagerTraining training(setup);
  BatchSchedule schedule(setup.examples, setup.train, Seed(4));
  Losses losses;
  for (int i = 0; i < steps; ++i) losses.push_back(training.step(schedule.at(i)));
  return losses;
}

/// Every product of floor_flop(), once, by plain at::mm of the same shapes.
void run_floor(const StepSetup& setup) {
  const at::NoGradGuard no_grad;
  const auto both_ways = [](const at::Tensor& weight, std::int64_t rows) {
    const at::Tensor x = at::ones({rows, weight.size(1)});
    at::mm(at::mm(x, weight.t()), weight);
  };
  for (const Projection* p : setup.model->projections())
    both_ways(p->weight(), setup.tokens_per_step());
  both_ways(setup.model->head_weight().dense(), setup.shape.supervised());
}

/// FLOP/s of a square product large enough for its best.
double peak_rate() {
  constexpr std::int64_t kSize = 1024;
  const at::Tensor a = at::ones({kSize, kSize});
  double best = 0;
  for (int i = 0; i < 3; ++i) {
    const double start = cpu_seconds();
    at::mm(a, a);
    best = std::max(best, 2.0 * kSize * kSize * kSize / (cpu_seconds() - start));
  }
  return best;
}

/// Tensor operations and backward nodes that LibTorch dispatches while `work` runs.
std::int64_t operations_of(const std::function<void()>& work) {
  static std::atomic<std::int64_t> count;
  count = 0;
  const auto handle = at::addGlobalCallback(
      at::RecordFunctionCallback([](const at::RecordFunction&) -> std::unique_ptr<at::ObserverContext> {
        ++count;
        return nullptr;
      }).scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
  work();
  at::removeCallback(handle);
  return count;
}

double timed(const std::function<void()>& work) {
  const double start = cpu_seconds();
  work();
  return cpu_seconds() - start;
}

double largest_difference(const Losses& a, const Losses& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

void compare(const std::string& name, int rounds, double seconds) {
  StepSetup setup(step_shape(name));
  Losses fused_losses, eager_losses;
  const double once = timed([&] { run_fused(setup, 1); });
  const int steps = std::max(1, static_cast<int>(seconds / once));
  run_eager(setup, 1);
  // Two steps less one: what happens once a run does not count.
  const auto a_step = [&](const auto& training) {
    return operations_of([&] { training(setup, 2); }) - operations_of([&] { training(setup, 1); });
  };
  const std::int64_t fused_operations = a_step(run_fused), eager_operations = a_step(run_eager);
  std::vector<double> fused, eager, floor, peak;
  for (int round = 0; round < rounds; ++round) {
    floor.push_back(timed([&] {
      for (int i = 0; i < steps; ++i) run_floor(setup);
    }));
    fused.push_back(timed([&] { fused_losses = run_fused(setup, steps); }));
    eager.push_back(timed([&] { eager_losses = run_eager(setup, steps); }));
    peak.push_back(peak_rate());
  }
  std::vector<double> speedup, of_floor, of_peak;
  for (std::size_t i = 0; i < fused.size(); ++i) {
    speedup.push_back(eager[i] / fused[i]);
    of_floor.push_back(floor[i] / fused[i]);
    of_peak.push_back(setup.floor_flop() * steps / fused[i] / peak[i]);
  }
  std::printf("%-16s %5d %9.1f %9.1f %9.0f %8.2f %10.2f %10.2f %10.1f %10.1e %8lld %8lld\n",
              name.c_str(), steps, 1e3 * median(fused) / steps, 1e3 * median(eager) / steps,
              static_cast<double>(setup.tokens_per_step() * steps) / median(fused), median(speedup),
              median(of_floor), median(of_peak), median(peak) * 1e-9,
              largest_difference(fused_losses, eager_losses), static_cast<long long>(fused_operations),
              static_cast<long long>(eager_operations));
  std::fflush(stdout);
}

void run(const StepShape& shape, const std::string& implementation, int steps, int threads) {
  if (implementation == "eager" && (shape.base_precision != "fp32" || shape.gradient_checkpointing))
    throw ConfigError("eager steps know neither other precisions nor checkpointing");
  StepSetup setup(shape);
  const auto work = implementation == "eager" ? run_eager : run_fused;
  work(setup, 1);
  const std::int64_t faults = page_faults();
  const double cpu = cpu_seconds(), wall = wall_seconds();
  const Losses losses = work(setup, steps);
  const double cpu_spent = cpu_seconds() - cpu, wall_spent = wall_seconds() - wall;
  const auto tokens = static_cast<double>(setup.tokens_per_step() * steps);
  const nlohmann::json line = {
      {"implementation", implementation},
      {"shape", shape.name},
      {"base_precision", shape.base_precision},
      {"gradient_checkpointing", shape.gradient_checkpointing},
      {"threads", threads},
      {"steps", steps},
      {"tokens_per_cpu_s", tokens / cpu_spent},
      {"tokens_per_s", tokens / wall_spent},
      {"peak_rss_bytes", peak_rss_bytes()},
      {"estimated_bytes", setup.estimated_bytes()},
      {"page_faults_per_step", static_cast<double>(page_faults() - faults) / steps},
      {"losses", losses}};
  std::cout << line.dump() << "\n";
}

TensorView view_of(std::string name, const at::Tensor& t) {
  return {std::move(name), Dtype::kI64, t.sizes().vec(),
          std::as_bytes(std::span(t.data_ptr<std::int64_t>(), static_cast<std::size_t>(t.numel())))};
}

void export_to(const std::string& name, const std::filesystem::path& dir, int steps) {
  StepSetup setup(step_shape(name));
  setup.train.local_steps = steps;
  std::filesystem::create_directories(dir / "adapter");
  save_checkpoint(*setup.model, dir, Dtype::kF32);
  PeftConfig config = to_peft_config(setup.lora, dir.string());
  config.target_modules = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
  write_peft_directory(dir / "adapter", config, setup.adapter);
  BatchSchedule schedule(setup.examples, setup.train, Seed(4));
  std::vector<TrainBatch> batches;
  std::vector<TensorView> views;
  for (int i = 0; i < steps; ++i) batches.push_back(schedule.at(i));
  for (std::size_t i = 0; i < batches.size(); ++i) {
    views.push_back(view_of("ids." + std::to_string(i), batches[i].tokens.ids));
    views.push_back(view_of("labels." + std::to_string(i), batches[i].labels));
  }
  write_file_atomically(dir / "batches.safetensors", write_safetensors(views));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("LoRA training step: fused operations, plain LibTorch, and the floor");
  app.require_subcommand(1);
  int rounds = 5, threads = 1, steps = 5;
  double seconds = 0.5;
  std::vector<std::string> shapes;
  std::string shape, implementation, dir, base_precision = "fp32";
  bool gradient_checkpointing = false;
  app.add_option("--threads", threads, "threads of LibTorch");
  auto* const compare_command = app.add_subcommand("compare", "fused and eager in turns");
  compare_command->add_option("shapes", shapes)->required();
  compare_command->add_option("--rounds", rounds, "medians are of so many");
  compare_command->add_option("--seconds", seconds, "of fused steps in a round, at least one step");
  auto* const run_command = app.add_subcommand("run", "one implementation, as JSON");
  run_command->add_option("shape", shape)->required();
  run_command->add_option("implementation", implementation)
      ->required()
      ->check(CLI::IsMember({"fused", "eager"}));
  run_command->add_option("--steps", steps);
  run_command->add_option("--base-precision", base_precision, "of fused steps: " + base_precisions());
  run_command->add_flag("--gradient-checkpointing", gradient_checkpointing, "of fused steps");
  auto* const export_command = app.add_subcommand("export", "weights, adapter and batches");
  export_command->add_option("shape", shape)->required();
  export_command->add_option("dir", dir)->required();
  export_command->add_option("--steps", steps);
  CLI11_PARSE(app, argc, argv);
  set_compute_threads(threads);
  try {
    if (*compare_command) {
      std::printf("%-16s %5s %9s %9s %9s %8s %10s %10s %10s %10s %8s %8s\n", "shape", "steps",
                  "fused_ms", "eager_ms", "tokens/s", "eager/f", "of_floor", "of_peak", "GFLOP/s",
                  "max_dloss", "fused_op", "eager_op");
      for (const std::string& name : shapes) compare(name, rounds, seconds);
    }
    if (*run_command) {
      StepShape chosen = step_shape(shape);
      chosen.base_precision = base_precision;
      chosen.gradient_checkpointing = gradient_checkpointing;
      run(chosen, implementation, steps, threads);
    }
    if (*export_command) export_to(shape, dir, steps);
  } catch (const std::exception& e) {
    std::cerr << "lora_step_bench: " << e.what() << "\n";
    return 1;
  }
  return 0;
}
