#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/json_node.h"

namespace fennec {

/// A token's text or a part of it: a stage that joins all tokens into one hands that one on as it
/// grows.
struct TokenPart {
  std::string text;  ///< valid UTF-8
  bool begins = true, ends = true;
};

/// One stage of decoding: what follows with certainty from the parts so far. Holds the state of one
/// text; a copy goes on by itself.
/// @param last  no more parts will come
using DecodeStage = std::function<std::vector<TokenPart>(std::vector<TokenPart> parts, bool last)>;

/// The "decoder" of a tokenizer.json, for one text; joins tokens with spaces when absent. To decode
/// many texts keep one unused and copy it.
class TokenDecoder {
 public:
  /// Throws IoError for an unsupported kind.
  explicit TokenDecoder(const std::optional<JsonNode>& node);
  /// @param tokens  the next ones  @param last  no more will come
  /// @return the text that is new and certain, complete characters only
  std::string add(std::vector<std::string> tokens, bool last);

 private:
  DecodeStage stage_;
};

}  // namespace fennec
