#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/json_node.h"

namespace fennec {

/// Token strings in, pieces of text out; joining them gives the text. Any thread.
using TokenDecoder = std::function<std::vector<std::string>(std::vector<std::string>)>;

/// The "decoder" of a tokenizer.json; joins with spaces when absent. IoError for an unsupported kind.
TokenDecoder make_token_decoder(const std::optional<JsonNode>& node);

}  // namespace fennec
