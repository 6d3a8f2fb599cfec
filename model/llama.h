#pragma once
#include <memory>

#include "core/rng.h"
#include "model/causal_lm.h"
#include "model/checkpoint.h"
#include "model/hf_config.h"
#include "model/llama_config.h"

namespace fennec {

/// Llama 2 / 3.x and everything built like them: RMSNorm, rotary positions, grouped-query attention,
/// SwiGLU.
std::unique_ptr<CausalLm> load_llama(const HfConfig& config, Checkpoint& checkpoint);

/// A Llama with random weights: N(0, 0.02²), the projections that write to the residual stream scaled
/// by 1/√(2L) (GPT-2's initialisation), biases 0, norms 1. Equal seeds give equal bytes.
std::unique_ptr<CausalLm> new_llama(const LlamaConfig& config, Seed seed);

}  // namespace fennec
