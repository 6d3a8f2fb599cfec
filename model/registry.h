#pragma once
#include <memory>
#include <string>
#include <vector>

#include "model/causal_lm.h"
#include "model/checkpoint.h"
#include "model/hf_config.h"

namespace fennec {

/// The model families by `model_type`.
std::vector<std::string> model_families();

/// Throws IoError listing the supported families when `config` names another.
std::unique_ptr<CausalLm> load_family(const HfConfig& config, Checkpoint& checkpoint);

/// The same refusal, before any weight is opened.
void require_known_family(const HfConfig& config);

}  // namespace fennec
