#include <fmt/format.h>

#include <array>
#include <istream>
#include <ostream>

#include "client/generate_session.h"
#include "core/error.h"

namespace fennec {
namespace {

class ChatLoop {
 public:
  ChatLoop(GenerateSession& session, const GenerateRequest& request, std::ostream& out, bool terminal)
      : session_(session), out_(out), terminal_(terminal) {
    if (!request.system.empty()) messages_.push_back({"system", request.system});
    say(fmt::format("{} with chat format {}; adapter: {}. A line is a message; /help lists commands.\n",
                    request.base, session.chat().name(), session.adapters().current()));
  }

  /// False when the conversation is over.
  bool take(const std::string& line) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) return true;
    if (line.front() != '/') {
      answer(line);
      return true;
    }
    const std::size_t space = line.find(' ');
    const std::string name = line.substr(0, space),
                      argument = space == std::string::npos ? "" : line.substr(space + 1);
    if (name == "/quit") return false;
    for (const Command& command : kCommands)
      if (command.name == name) {
        (this->*command.run)(argument);
        return true;
      }
    out_ << "unknown command " << name << "; /help lists them\n";
    return true;
  }

  /// The next line of `in`; false at its end.
  bool ask(std::istream& in, std::string& line) {
    say("you> ");
    if (!std::getline(in, line)) {
      say("\n");
      return false;
    }
    if (line.ends_with('\r')) line.pop_back();
    return true;
  }

 private:
  struct Command {
    std::string_view name, argument, help;
    void (ChatLoop::*run)(const std::string& argument);
  };
  static const std::array<Command, 4> kCommands;

  /// For a person only.
  void say(const std::string& text) {
    if (terminal_) out_ << text << std::flush;
  }

  void answer(const std::string& text) {
    messages_.push_back({"user", text});
    try {
      const std::vector<TokenId> prompt = fitting_prompt();
      say("model> ");
      const GeneratedText reply =
          session_.generator()
              .run({prompt}, [&](std::size_t, std::string_view piece) { out_ << piece << std::flush; })
              .front();
      out_ << '\n';
      messages_.push_back({"assistant", reply.text});
      if (reply.reason == FinishReason::kLength) say("(cut at --max-new tokens)\n");
    } catch (const ConfigError& e) {
      messages_.pop_back();
      out_ << e.what() << '\n';
    }
  }

  /// The conversation as ids; the oldest exchanges are forgotten until it leaves room for an answer.
  std::vector<TokenId> fitting_prompt() {
    const std::size_t first = messages_.front().role == "system" ? 1 : 0;
    while (true) {
      std::vector<TokenId> prompt = session_.prompt_ids(messages_);
      if (static_cast<std::int64_t>(prompt.size()) < session_.context_tokens()) return prompt;
      if (messages_.size() < first + 3)
        throw ConfigError(fmt::format("the message has {} tokens, the model's context holds {}",
                                      prompt.size(), session_.context_tokens()));
      const auto oldest = messages_.begin() + static_cast<std::ptrdiff_t>(first);
      messages_.erase(oldest, oldest + 2);
      say("(the oldest exchange is forgotten: the context is full)\n");
    }
  }

  void help(const std::string&) {
    for (const Command& command : kCommands)
      out_ << fmt::format("{:<9}{:<7} {}\n", command.name, command.argument, command.help);
    out_ << fmt::format("{:<16} {}\n", "/quit", "ends the conversation, as the end of input does");
  }

  void adapter(const std::string& name) {
    try {
      if (!name.empty()) session_.adapters().use(name);
      out_ << fmt::format("adapter: {} (of {})\n", session_.adapters().current(),
                          fmt::join(session_.adapters().names(), ", "));
    } catch (const ConfigError& e) {
      out_ << e.what() << '\n';
    }
  }

  void system(const std::string& text) {
    clear("");
    messages_.clear();
    if (!text.empty()) messages_.push_back({"system", text});
  }

  void clear(const std::string&) {
    std::erase_if(messages_, [](const ChatMessage& m) { return m.role != "system"; });
    out_ << "the conversation begins anew\n";
  }

  GenerateSession& session_;
  std::ostream& out_;
  bool terminal_;
  std::vector<ChatMessage> messages_;
};

const std::array<ChatLoop::Command, 4> ChatLoop::kCommands = {{
    {"/help", "", "lists the commands", &ChatLoop::help},
    {"/adapter", "[NAME]", "uses another adapter, at once; alone: says which there are",
     &ChatLoop::adapter},
    {"/system", "[TEXT]", "begins anew with this system message, or without one", &ChatLoop::system},
    {"/clear", "", "forgets the conversation", &ChatLoop::clear},
}};

}  // namespace

void generate_chat(GenerateSession& session, const GenerateRequest& request, std::istream& in,
                   std::ostream& out, bool terminal) {
  ChatLoop loop(session, request, out, terminal);
  std::string line;
  while (loop.ask(in, line) && loop.take(line)) {
  }
}

}  // namespace fennec
