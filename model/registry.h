#pragma once
#include <memory>

#include "model/causal_lm.h"
#include "model/hf_config.h"
#include "model/weight_source.h"

namespace fennec {

/// A model of the family that `config` names (core/model_family.h lists them), with every tensor of
/// `source` used. Throws IoError, listing the families, when it names another.
std::unique_ptr<CausalLm> load_family(const HfConfig& config, WeightSource& source);

}  // namespace fennec
