#pragma once
#include <functional>
#include <optional>
#include <string>

#include "model/json_node.h"

namespace fennec {

/// Valid UTF-8 in and out. Any thread.
using Normalizer = std::function<std::string(std::string)>;

/// The "normalizer" of a tokenizer.json; the identity when absent. IoError for a kind that is not
/// supported.
Normalizer make_normalizer(const std::optional<JsonNode>& node);

}  // namespace fennec
