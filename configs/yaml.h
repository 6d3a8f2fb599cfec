#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "core/params.h"

namespace fennec {

/// YAML text → Params with file:line at every node. Refused: duplicate keys, anchors, tags, several
/// documents. Throws ConfigError as "where:line: what".
Params parse_yaml(std::string_view text, const std::string& where);
Params load_yaml(const std::filesystem::path& file);  ///< throws IoError, ConfigError

}  // namespace fennec
