#include "client/generate_session.h"

#include "core/error.h"
#include "core/log.h"

namespace fennec {
namespace {

/// The chat format if it is needed; the end of a turn then ends an answer.
std::optional<ChatTemplate> chat_for(const GenerateRequest& request, const Tokenizer& tokenizer) {
  const bool asked = request.chat || !request.chat_format.empty();
  if (!asked && tokenizer.chat_template().empty()) return std::nullopt;
  try {
    ChatTemplate chat = ChatTemplate::of(tokenizer, request.chat_format);
    if (!request.chat_date.empty()) chat.set_date(request.chat_date);
    return chat;
  } catch (const ConfigError& e) {
    if (asked) throw ConfigError(request.base + ": " + e.what() + " (--chat-format NAME)");
    return std::nullopt;  // plain prompts do not need it
  }
}

TextOptions with_end_of_turn(TextOptions options, const std::optional<ChatTemplate>& chat,
                             const Tokenizer& tokenizer) {
  if (chat) options.stop_ids.push_back(tokenizer.id_of(chat->end_of_turn()));
  return options;
}

}  // namespace

GenerateSession::GenerateSession(const GenerateRequest& request)
    : no_special_(request.no_special),
      loaded_(load_model(request.base, "", request.base_precision)),
      chat_(chat_for(request, loaded_.tokenizer)),
      adapters_(*loaded_.model),
      generator_(*loaded_.model, loaded_.tokenizer,
                 with_end_of_turn(request.text, chat_, loaded_.tokenizer)) {
  for (const std::string& adapter : request.adapters) adapters_.add(adapter);
  if (!request.adapters.empty()) adapters_.use(adapters_.names()[1]);
}

std::vector<TokenId> GenerateSession::prompt_ids(const std::string& text) const {
  return loaded_.tokenizer.encode(text, {.match_special = !no_special_});
}

std::vector<TokenId> GenerateSession::prompt_ids(std::span<const ChatMessage> messages) const {
  return encode_chat(loaded_.tokenizer, chat().render(messages, /*add_generation_prompt=*/true));
}

const ChatTemplate& GenerateSession::chat() const {
  if (!chat_) throw ConfigError("messages need a chat format; known: " + chat_format_names());
  return *chat_;
}

void GenerateSession::log_speed() const {
  const GenerationTally& tally = generator_.tally();
  log::info("{} tokens after {} prompt tokens in {:.2f} s: {:.1f} tokens/s", tally.new_tokens,
            tally.prompt_tokens, tally.seconds,
            tally.seconds > 0 ? static_cast<double>(tally.new_tokens) / tally.seconds : 0);
}

}  // namespace fennec
