#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/safetensors.h"

namespace fennec {

/// One tensor as the header declares it: types checked, offsets not yet.
struct SafetensorsEntry {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  ///< bytes from the start of the data
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  ///< in header order
  std::map<std::string, std::string> metadata;
};

/// Strict JSON of the safetensors form: begins with '{', nothing but spaces after, no duplicate keys,
/// at most three levels, exactly dtype, shape and data_offsets a tensor, unsigned integers only.
/// kMalformed otherwise.
Result<SafetensorsHeader> parse_safetensors_header(std::string_view json);

}  // namespace fennec
