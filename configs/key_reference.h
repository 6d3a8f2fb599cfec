#pragma once
#include <string>

namespace fennec {

/// Every key of an experiment with its default and meaning, as the Markdown that docs/configuration.md
/// holds.
std::string key_reference_markdown();

}  // namespace fennec
