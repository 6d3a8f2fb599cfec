#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/parameter_set.h"

namespace fennec {

/// The A and B of one adapted linear, as entries of a layout.
struct AdapterPair {
  std::string module;  ///< Hugging Face path
  std::int64_t rank = 0, in_features = 0, out_features = 0;
  std::size_t a = 0, b = 0;  ///< positions in the layout's entries: A [R, in], B [out, R]
};

/// Pairs up the tensors of a LoRA adapter. Throws IoError naming a tensor that is no A or B of a
/// linear, lacks its other half, or whose shape does not fit its other half.
std::vector<AdapterPair> adapter_pairs(const ParameterLayout& layout);

}  // namespace fennec
