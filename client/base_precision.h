#pragma once
#include <string>

namespace CLI {
class App;
}

namespace fennec {

/// --base-precision: how the base model's weights are kept in memory.
/// @param value  keeps its value without the option; empty = the configuration's
void add_base_precision(CLI::App& command, std::string& value);

}  // namespace fennec
