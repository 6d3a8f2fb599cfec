#pragma once
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/adapter_shelf.h"
#include "client/loaded_model.h"
#include "client/text_generator.h"
#include "model/chat_template.h"

namespace fennec {

/// What `fennec-client generate` was asked for.
struct GenerateRequest {
  std::string base, base_precision = "fp32", prompt, system, chat_format, chat_date;
  std::vector<std::string> adapters;  ///< "DIR" or "NAME=DIR"; the first is used at first
  TextOptions text;
  std::size_t batch = 8;  ///< prompts of JSON lines that share a forward pass
  bool json = false, json_lines = false, chat = false, no_special = false;
};

/// A loaded model with its adapters, ready to answer one prompt after another. Not thread-safe.
class GenerateSession {
 public:
  explicit GenerateSession(const GenerateRequest& request);

  const Tokenizer& tokenizer() const { return loaded_.tokenizer; }
  std::int64_t context_tokens() const { return loaded_.model->max_positions(); }
  AdapterShelf& adapters() { return adapters_; }
  TextGenerator& generator() { return generator_; }

  std::vector<TokenId> prompt_ids(const std::string& text) const;
  /// Up to where the answer begins. Throws ConfigError when the model has no chat format.
  std::vector<TokenId> prompt_ids(std::span<const ChatMessage> messages) const;
  const ChatTemplate& chat() const;
  /// Speed so far, to the log.
  void log_speed() const;

 private:
  bool no_special_;
  LoadedModel loaded_;
  std::optional<ChatTemplate> chat_;
  AdapterShelf adapters_;
  TextGenerator generator_;
};

/// Answers request.prompt: streamed, or as one JSON object.
void generate_once(GenerateSession& session, const GenerateRequest& request, std::ostream& out);

/// JSON lines in, JSON lines out, in the same order: {"prompt": text} or {"messages": [{"role",
/// "content"}, …]}, optionally "adapter": name. Each comes back with "completion", "finish_reason" and
/// "tokens" added. Throws IoError naming the line.
void generate_lines(GenerateSession& session, const GenerateRequest& request, std::istream& in,
                    std::ostream& out);

/// A conversation, a message a line, until the input ends or /quit.
/// @param terminal  whether a person watches: greetings and prompts, else answers alone
void generate_chat(GenerateSession& session, const GenerateRequest& request, std::istream& in,
                   std::ostream& out, bool terminal);

}  // namespace fennec
