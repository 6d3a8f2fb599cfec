#pragma once
#include <string>

#include <ATen/core/Tensor.h>

#include "model/hf_config.h"

namespace fennec {

/// The non-linearity of a transformer's MLP.
enum class Activation { kSilu, kGelu, kGeluTanh, kRelu };

/// What `key` of a config.json names, or `fallback` when it is absent. Throws IoError listing what is
/// supported.
Activation read_activation(const HfConfig& config, const char* key, const std::string& fallback);

/// @param x [N, I]  @return [N, I]
at::Tensor activate(Activation activation, const at::Tensor& x);
/// activate(gate)·up.  @param gate, up [N, I]  @return [N, I]
at::Tensor activate_gated(Activation activation, const at::Tensor& gate, const at::Tensor& up);

}  // namespace fennec
