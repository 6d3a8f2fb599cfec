#pragma once
#include <string>

#include "core/params.h"

namespace fennec {

/// Applies "rounds.total=3" (`--set` of a command line) to a configuration tree: the value is YAML,
/// sections on the way are made. Throws ConfigError when there is no "=" or a key on the way is no
/// section.
void set_key(Params& root, const std::string& assignment);

}  // namespace fennec
