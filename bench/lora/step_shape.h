#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/parameter_set.h"
#include "lora/packing.h"
#include "lora/trainer.h"
#include "model/llama.h"

namespace fennec::bench {

/// A training step to be measured: a Llama with random weights, adapters on every linear, and batches
/// of random tokens of which the end of each row is supervised.
struct StepShape {
  std::string name;
  LlamaConfig model;
  std::int64_t rows = 1, tokens = 1;
  std::int64_t completion = 1;  ///< supervised tokens at the end of a row
  int rank = 8;
  std::string base_precision = "fp32";
  bool gradient_checkpointing = false;
  std::int64_t supervised() const { return rows * completion; }
};

const std::vector<StepShape>& step_shapes();
/// Throws ConfigError listing the shapes.
const StepShape& step_shape(const std::string& name);

/// What both implementations train: same weights, adapter, examples and hyper-parameters.
struct StepSetup {
  explicit StepSetup(const StepShape& shape);
  std::int64_t tokens_per_step() const { return shape.rows * shape.tokens; }
  /// Multiply-adds of frozen weights that a step cannot do without, forward and backward to inputs:
  /// every projection for each token, the head for each supervised one. 4·N FLOP a token.
  double floor_flop() const;
  /// What doctor --budget would expect such a step to take.
  double estimated_bytes() const;

  StepShape shape;
  std::unique_ptr<CausalLm> model;
  ParameterSet adapter;
  std::vector<TokenizedExample> examples;
  LoraConfig lora;
  TrainConfig train;
};

}  // namespace fennec::bench
