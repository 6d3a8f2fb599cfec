#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/json_node.h"

namespace fennec {

struct Piece {
  std::string text;
  bool at_start = false;  ///< begins where the input begins (Metaspace's `first` asks)
};

/// Cuts pieces into words. Valid UTF-8, never an empty piece. Any thread.
using PreTokenizer = std::function<std::vector<Piece>(std::vector<Piece>)>;

/// The "pre_tokenizer" of a tokenizer.json; keeps pieces whole when absent. IoError for an unsupported
/// kind.
PreTokenizer make_pre_tokenizer(const std::optional<JsonNode>& node);

}  // namespace fennec
