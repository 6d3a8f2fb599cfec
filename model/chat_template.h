#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/chat_message.h"
#include "model/text_span.h"
#include "model/tokenizer.h"

namespace fennec {

struct ChatFormat;

/// A conversation as the text a model was tuned on.
struct RenderedChat {
  std::string text;           ///< valid UTF-8
  std::vector<Span> markup;   ///< what the format wrote: the only places where special tokens count
  std::vector<Span> answers;  ///< each assistant message with the token that ends it: what is learnt
};

/// What a template needs to know of its surroundings.
struct ChatSurroundings {
  std::string bos, eos;              ///< spelling of the tokens, empty without one
  std::string date = "26 Jul 2024";  ///< that Llama 3.1 is told; its template's own default
};

/// Renders conversations without Jinja, for the formats that chat models commonly use. A model's format
/// is told by what its Jinja template contains. Any thread.
class ChatTemplate {
 public:
  /// @param source  the Jinja text. Throws ConfigError listing the known formats when it is none of
  /// them.
  static ChatTemplate detect(std::string_view source, ChatSurroundings surroundings);
  /// By name, whatever the model says. Throws ConfigError listing the known names.
  static ChatTemplate named(std::string_view format, ChatSurroundings surroundings);
  /// The tokenizer's own, or the one called `format`. Throws ConfigError also when the token that ends
  /// a turn is none of this tokenizer's.
  static ChatTemplate of(const Tokenizer& tokenizer, std::string_view format = {});

  /// @param add_generation_prompt  end where the assistant's answer begins. Throws ConfigError for an
  /// unknown role or an order of roles that the format does not have.
  RenderedChat render(std::span<const ChatMessage> messages, bool add_generation_prompt) const;

  std::string_view name() const;
  std::string end_of_turn() const;                       ///< the token that ends an answer
  const std::string& system() const { return system_; }  ///< said when no message does; may be empty
  void set_date(std::string date) { surroundings_.date = std::move(date); }

 private:
  ChatTemplate(const ChatFormat& format, ChatSurroundings surroundings);
  const ChatFormat* format_;
  ChatSurroundings surroundings_;
  std::string system_;
  bool begins_with_bos_ = false, ends_with_eos_ = false;  ///< where formats of one name differ
};

/// The names of the known formats, for help and messages: "chatml, llama3, …".
std::string chat_format_names();

/// The ids of a rendered conversation. Special tokens that a message spells are plain characters.
std::vector<TokenId> encode_chat(const Tokenizer& tokenizer, const RenderedChat& chat);

}  // namespace fennec
