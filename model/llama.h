#pragma once
#include <memory>
#include <string>

#include "core/rng.h"
#include "model/causal_lm.h"
#include "model/decoder_config.h"

namespace fennec {

using LlamaConfig = DecoderConfig;

/// A Llama with random weights: N(0, 0.02²), the projections that write to the residual stream scaled
/// by 1/√(2L) (GPT-2's initialisation), biases 0, norms 1. Equal seeds give equal bytes.
std::unique_ptr<CausalLm> new_llama(const LlamaConfig& config, Seed seed);

/// config.json as Hugging Face writes it, `torch_dtype` left to the writer of the weights.
std::string to_config_json(const LlamaConfig& config);

}  // namespace fennec
