#pragma once
#include <cstring>
#include <vector>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/safetensors.h"
#include "lora/trainer.h"
#include "tests/support/shared.h"

namespace fennec::test {

inline std::vector<std::int64_t> integers(const Safetensors& file, const char* name) {
  const TensorView* view = file.find(name);
  FENNEC_CHECK(view != nullptr, name);
  std::vector<std::int64_t> values(view->element_count());
  std::memcpy(values.data(), view->bytes.data(), view->bytes.size());
  return values;
}

/// The reference fine-tuning of stories260K: eight rows of 64 tokens, every token but the first
/// supervised, sixty steps over the same batch.
inline std::vector<TokenizedExample> stories_batch() {
  const auto file = Safetensors::open(shared("pretrained/stories260K/expected_finetune.safetensors"));
  const auto ids = integers(file, "batch");
  std::vector<TokenizedExample> examples(8);
  for (std::size_t i = 0; i < ids.size(); ++i)
    examples[i / 64].ids.push_back(static_cast<TokenId>(ids[i]));
  return examples;
}

inline TrainConfig stories_training() {
  TrainConfig config;
  config.learning_rate = 5e-3;
  config.clip_norm = 0;
  config.local_steps = 60;
  config.batch_tokens = 512;
  config.max_sequence_tokens = 64;
  return config;
}

/// The loss of each step, by PyTorch.
inline std::vector<double> stories_losses() {
  const auto text = read_text_file(shared("pretrained/stories260K/expected_finetune.json"));
  return nlohmann::json::parse(text)["losses"].get<std::vector<double>>();
}

}  // namespace fennec::test
