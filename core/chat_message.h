#pragma once
#include <string>

namespace fennec {

/// One turn of a conversation.
struct ChatMessage {
  std::string role;  ///< "system", "user" or "assistant"
  std::string content;
};

}  // namespace fennec
