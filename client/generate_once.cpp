#include <nlohmann/json.hpp>
#include <ostream>

#include "client/generate_session.h"
#include "core/error.h"

namespace fennec {
namespace {

std::vector<ChatMessage> conversation(const GenerateRequest& request) {
  std::vector<ChatMessage> messages;
  if (!request.system.empty()) messages.push_back({"system", request.system});
  messages.push_back({"user", request.prompt});
  return messages;
}

void print_json(const GenerateSession& session, const GenerateRequest& request,
                const std::string& adapter, const std::vector<TokenId>& prompt,
                const GeneratedText& answer, std::ostream& out) {
  nlohmann::ordered_json object = {{"prompt", request.prompt},
                                   {"completion", answer.text},
                                   {"finish_reason", to_string(answer.reason)},
                                   {"adapter", adapter}};
  if (request.chat) object["chat_format"] = session.chat().name();
  object["prompt_ids"] = prompt;
  object["ids"] = answer.ids;
  out << object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

}  // namespace

void generate_once(GenerateSession& session, const GenerateRequest& request, std::ostream& out) {
  const std::vector<TokenId> prompt =
      request.chat ? session.prompt_ids(conversation(request)) : session.prompt_ids(request.prompt);
  if (prompt.empty()) throw ConfigError("generate: the prompt has no tokens");
  const GeneratedText answer = session.generator()
                                   .run({prompt},
                                        [&](std::size_t, std::string_view piece) {
                                          if (!request.json) out << piece << std::flush;
                                        })
                                   .front();
  if (request.json)
    print_json(session, request, session.adapters().current(), prompt, answer, out);
  else
    out << '\n';
}

}  // namespace fennec
