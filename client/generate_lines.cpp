#include <algorithm>
#include <istream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "client/generate_session.h"
#include "client/json_lines.h"
#include "core/error.h"
#include "model/json_node.h"

namespace fennec {
namespace {

/// Lines that wait for their batch to be full.
struct Waiting {
  std::vector<nlohmann::json> lines;
  std::vector<std::vector<TokenId>> prompts;
  std::string adapter;  ///< the same for all of them
};

/// A line's messages, or its prompt as the only one.
std::vector<ChatMessage> read_messages(const JsonNode& line, const std::string& system) {
  std::vector<ChatMessage> messages;
  if (line.has("prompt"))
    messages.push_back({"user", line.text("prompt")});
  else
    for (const JsonNode& item : line.items("messages"))
      messages.push_back({item.text("role"), item.text("content")});
  if (!system.empty() && (messages.empty() || messages.front().role != "system"))
    messages.insert(messages.begin(), {"system", system});
  return messages;
}

std::vector<TokenId> read_prompt(const GenerateSession& session, const GenerateRequest& request,
                                 const JsonNode& line) {
  if (line.has("prompt") == line.has("messages"))
    line.refuse(R"(expected either "prompt" or "messages")");
  std::vector<TokenId> ids;
  try {
    if (line.has("messages") || request.chat)
      ids = session.prompt_ids(read_messages(line, request.system));
    else
      ids = session.prompt_ids(line.text("prompt"));
  } catch (const ConfigError& e) {
    line.refuse(e.what());
  }
  if (ids.empty()) line.refuse("the prompt has no tokens");
  if (static_cast<std::int64_t>(ids.size()) > session.context_tokens())
    line.refuse("the prompt has " + std::to_string(ids.size()) + " tokens, the model's context holds " +
                std::to_string(session.context_tokens()));
  return ids;
}

void answer(GenerateSession& session, Waiting& waiting, std::ostream& out) {
  if (waiting.lines.empty()) return;
  session.adapters().use(waiting.adapter);
  const auto answers = session.generator().run(waiting.prompts);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    nlohmann::json& line = waiting.lines[i];
    line["completion"] = answers[i].text;
    line["finish_reason"] = to_string(answers[i].reason);
    line["tokens"] = answers[i].ids.size();
    out << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  }
  out << std::flush;
  waiting.lines.clear();
  waiting.prompts.clear();
}

}  // namespace

void generate_lines(GenerateSession& session, const GenerateRequest& request, std::istream& in,
                    std::ostream& out) {
  const std::string usual = session.adapters().current();
  Waiting waiting;
  const auto add = [&](const nlohmann::json& object, const std::string& where) {
    const JsonNode line(object, where);
    const std::string adapter = line.text("adapter", usual);
    const auto known = session.adapters().names();
    if (std::find(known.begin(), known.end(), adapter) == known.end())
      line.refuse("adapter '" + adapter + "' was not given with --adapter");
    std::vector<TokenId> ids = read_prompt(session, request, line);
    if (waiting.lines.size() == request.batch || adapter != waiting.adapter)
      answer(session, waiting, out);
    waiting.adapter = adapter;
    waiting.lines.push_back(object);
    waiting.prompts.push_back(std::move(ids));
  };
  try {
    for_each_json_line(in, "stdin", add);
  } catch (...) {
    answer(session, waiting, out);  // what came before a bad line was fine
    throw;
  }
  answer(session, waiting, out);
}

}  // namespace fennec
