#pragma once
#include <span>
#include <string>
#include <string_view>

#include "model/chat_template.h"

namespace fennec {

/// Writes a conversation piece by piece and keeps track of who wrote what.
class ChatWriter {
 public:
  void markup(std::string_view text);   ///< the format's own
  void content(std::string_view text);  ///< somebody's words
  /// An assistant's words with the format's text before and after them.
  void answer(std::string_view before, std::string_view words, std::string_view after);
  /// What `message` says, and the end of its turn.
  void turn(const ChatMessage& message, std::string_view words, std::string_view end);
  RenderedChat take() { return std::move(chat_); }

 private:
  RenderedChat chat_;
};

/// What a format's renderer is told.
struct ChatRequest {
  std::span<const ChatMessage> messages;  ///< at least one; contents valid UTF-8
  const ChatSurroundings& surroundings;
  std::string_view system;  ///< to say when no message does
  bool add_generation_prompt, begins_with_bos, ends_with_eos;
};

struct ChatFormat {
  std::string_view name;
  std::string_view sign, also;   ///< what the Jinja source contains
  std::string_view end_of_turn;  ///< empty: the tokenizer's eos
  void (*render)(const ChatRequest& request, ChatWriter& out);
};

/// Every format, in the order in which their signs are looked for. Their texts are those of the models'
/// published templates.
std::span<const ChatFormat> chat_formats();

}  // namespace fennec
