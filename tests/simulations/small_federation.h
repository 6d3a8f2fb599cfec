#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "configs/experiment.h"
#include "data/example_io.h"
#include "model/compute_threads.h"
#include "tests/support/shared.h"

namespace fennec::test {

/// Devices whose answer is the word their numbers spell out: learnable in a few steps.
inline std::vector<DeviceData> small_sets(std::size_t count) {
  std::vector<DeviceData> sets(count);
  for (std::size_t s = 0; s < count; ++s) {
    sets[s].device_id = "rig" + std::to_string(s);
    for (int i = 0; i < 12; ++i) {
      const bool high = i % 2 == 0;
      Example e;
      e.device_id = sets[s].device_id;
      e.prompt = "pressure " + std::to_string(high ? 90 + i : 10 + i) + " bar\nstate:";
      e.completion = high ? " high" : " low";
      e.task = "state";
      e.kind = TaskKind::kLabel;
      e.slots = {{"", "", {"high", "low"}}};
      (i < 8 ? sets[s].train : sets[s].test).push_back(e);
    }
  }
  return sets;
}

inline Experiment small_experiment() {
  Experiment e;
  e.name = "small";
  e.model.base = shared("pretrained/stories260K").string();
  e.lora.rank = 4;
  e.train.local_steps = 3;
  e.train.batch_tokens = 128;
  e.train.max_sequence_tokens = 64;
  e.train.learning_rate = 5e-3;
  e.rounds.total = 3;
  e.rounds.cohort_size = 3;
  return e;
}

/// LibTorch takes its number of threads once a process.
inline void use_one_compute_thread() {
  static const bool done = [] { return set_compute_threads(1), true; }();
  static_cast<void>(done);
}

}  // namespace fennec::test
