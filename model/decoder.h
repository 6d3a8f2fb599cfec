#pragma once
#include <memory>

#include "model/causal_lm.h"
#include "model/decoder_config.h"
#include "model/weight_source.h"

namespace fennec {

/// A decoder built like Llama, by Hugging Face's names ("model.layers.0.self_attn.q_proj", …). Takes
/// every tensor it has from `source`.
/// @param config_json  what CausalLm::config_json() answers
std::unique_ptr<CausalLm> make_decoder(const DecoderConfig& config, WeightSource& source,
                                       std::string config_json);

/// The same from a checkpoint that describes itself by `hf`: nothing may be left over in it but what
/// older writers left lying around.
std::unique_ptr<CausalLm> load_decoder(const DecoderConfig& config, const HfConfig& hf,
                                       WeightSource& source);

}  // namespace fennec
