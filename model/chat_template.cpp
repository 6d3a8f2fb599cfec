#include "model/chat_template.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "model/chat_format.h"
#include "model/unicode.h"

namespace fennec {
namespace {

constexpr std::string_view kSystemOpens = "<|im_start|>system";

/// What a ChatML template says for want of a system message: the literal text between
/// "<|im_start|>system\n" and "<|im_end|>" in its source, where a newline may be spelled "\n".
std::string chatml_system(std::string_view source) {
  for (std::size_t at = source.find(kSystemOpens); at != std::string_view::npos;
       at = source.find(kSystemOpens, at + 1)) {
    std::string_view rest = source.substr(at + kSystemOpens.size());
    if (rest.starts_with("\\n"))
      rest.remove_prefix(2);
    else if (rest.starts_with("\n"))
      rest.remove_prefix(1);
    else
      continue;
    const std::string_view literal = rest.substr(0, rest.find("<|im_end|>"));
    // A quote before the end: the literal ends there and an expression follows.
    if (literal.size() < rest.size() && literal.find_first_of("'\"{}\\") == std::string_view::npos)
      return std::string(literal);
  }
  return {};
}

std::string spelling(const Tokenizer& tokenizer, TokenId id) {
  return std::string(tokenizer.token_of(id).value_or(""));
}

void require_known_roles(std::span<const ChatMessage> messages) {
  if (messages.empty()) throw ConfigError("chat: a conversation needs at least one message");
  for (const ChatMessage& message : messages)
    if (message.role != "system" && message.role != "user" && message.role != "assistant")
      throw ConfigError("chat: unknown role '" + message.role + "'; known: system, user, assistant");
}

/// Later formats that share a sign with a known one and render otherwise.
void refuse_variants(std::string_view source) {
  for (const std::string_view sign : {"[AVAILABLE_TOOLS]", "[SYSTEM_PROMPT]", "<|im_sep|>"})
    if (source.find(sign) != std::string_view::npos)
      throw ConfigError("chat_template: formats with " + std::string(sign) +
                        " are not supported; known: " + chat_format_names());
}

}  // namespace

ChatTemplate::ChatTemplate(const ChatFormat& format, ChatSurroundings surroundings)
    : format_(&format), surroundings_(std::move(surroundings)) {}

ChatTemplate ChatTemplate::detect(std::string_view source, ChatSurroundings surroundings) {
  refuse_variants(source);
  const auto contains = [&](std::string_view part) {
    return source.find(part) != std::string_view::npos;
  };
  for (const ChatFormat& format : chat_formats()) {
    if (!contains(format.sign) || !contains(format.also)) continue;
    ChatTemplate found(format, std::move(surroundings));
    found.system_ = chatml_system(source);
    found.begins_with_bos_ = contains("bos_token");
    found.ends_with_eos_ = contains("eos_token");
    return found;
  }
  throw ConfigError("chat_template is of no known format; known: " + chat_format_names() +
                    "; choose one by name if the model was tuned on it");
}

ChatTemplate ChatTemplate::named(std::string_view name, ChatSurroundings surroundings) {
  for (const ChatFormat& format : chat_formats())
    if (format.name == name) return ChatTemplate(format, std::move(surroundings));
  throw ConfigError("unknown chat format '" + std::string(name) + "'; known: " + chat_format_names());
}

ChatTemplate ChatTemplate::of(const Tokenizer& tokenizer, std::string_view format) {
  ChatSurroundings surroundings{spelling(tokenizer, tokenizer.bos()),
                                tokenizer.eos().empty() ? "" : spelling(tokenizer, tokenizer.eos()[0])};
  if (format.empty() && tokenizer.chat_template().empty())
    throw ConfigError(
        "the base model has no chat_template (chat_template.jinja or tokenizer_config.json); if it was "
        "tuned on one of these formats, choose it by name: " +
        chat_format_names());
  ChatTemplate found = format.empty() ? detect(tokenizer.chat_template(), std::move(surroundings))
                                      : named(format, std::move(surroundings));
  if (tokenizer.id_of(found.end_of_turn()) < 0)
    throw ConfigError("chat format " + std::string(found.name()) + " ends a turn with '" +
                      found.end_of_turn() + "', which is no token of this model");
  return found;
}

RenderedChat ChatTemplate::render(std::span<const ChatMessage> messages,
                                  bool add_generation_prompt) const {
  require_known_roles(messages);
  std::vector<ChatMessage> valid(messages.begin(), messages.end());
  for (ChatMessage& message : valid) message.content = unicode::replace_invalid(message.content);
  ChatWriter out;
  format_->render(
      {valid, surroundings_, system_, add_generation_prompt, begins_with_bos_, ends_with_eos_}, out);
  return out.take();
}

std::string_view ChatTemplate::name() const { return format_->name; }

std::string ChatTemplate::end_of_turn() const {
  return std::string(format_->end_of_turn.empty() ? surroundings_.eos : format_->end_of_turn);
}

std::string chat_format_names() {
  std::string names;
  for (const ChatFormat& format : chat_formats())
    names.append(names.empty() ? "" : ", ").append(format.name);
  return names;
}

std::vector<TokenId> encode_chat(const Tokenizer& tokenizer, const RenderedChat& chat) {
  return tokenizer.encode(chat.text,
                          {.add_special = false, .match_special = false, .trusted = chat.markup});
}

}  // namespace fennec
