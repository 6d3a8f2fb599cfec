#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "model/json_node.h"
#include "model/tokenizer.h"

namespace fennec {

/// Puts special tokens around an encoded text. Any thread.
using PostProcessor = std::function<std::vector<TokenId>(std::vector<TokenId>)>;

/// The "post_processor" of a tokenizer.json; the identity when absent. IoError for an unsupported kind.
PostProcessor make_post_processor(const std::optional<JsonNode>& node);

}  // namespace fennec
