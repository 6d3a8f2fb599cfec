#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "client/commands.h"
#include "client/loaded_model.h"
#include "core/error.h"
#include "model/generate.h"

namespace fennec {
namespace {

struct Options {
  std::string base, adapter, prompt;
  std::int64_t max_new = 64;
  bool json = false;
};

/// The text that answer tokens add to a prompt. Both are decoded together: a token's text may depend on
/// those before it (a leading space is dropped at the start of a text only).
class AnswerText {
 public:
  AnswerText(const Tokenizer& tokenizer, std::vector<TokenId> prompt)
      : tokenizer_(tokenizer), ids_(std::move(prompt)), shown_(tokenizer_.decode(ids_).size()) {}

  /// What is new with this token; nothing while a character's bytes are not all there.
  std::string add(TokenId token) {
    ids_.push_back(token);
    const std::string text = tokenizer_.decode(ids_);
    return text.ends_with("\xEF\xBF\xBD") ? "" : news(text);
  }
  std::string rest() { return news(tokenizer_.decode(ids_)); }

 private:
  std::string news(const std::string& text) {
    const std::size_t from = std::min(shown_, text.size());
    shown_ = std::max(shown_, text.size());
    return text.substr(from);
  }
  const Tokenizer& tokenizer_;
  std::vector<TokenId> ids_;
  std::size_t shown_;
};

std::string read_prompt(const Options& options) {
  if (!options.prompt.empty()) return options.prompt;
  std::string text(std::istreambuf_iterator<char>(std::cin), {});
  if (text.ends_with('\n')) text.pop_back();
  if (text.empty()) throw ConfigError("generate: give a PROMPT, or text on standard input");
  return text;
}

int run_generate(const Options& options) {
  const std::string prompt = read_prompt(options);
  const LoadedModel loaded = load_model(options.base, options.adapter);
  const std::vector<TokenId> ids = loaded.tokenizer.encode(prompt);
  AnswerText text(loaded.tokenizer, ids);
  std::string completion;
  const auto on_token = [&](std::size_t, TokenId token) {
    const std::string news = text.add(token);
    completion += news;
    if (!options.json) std::cout << news << std::flush;
  };
  const auto answer =
      generate(*loaded.model, {ids}, {options.max_new, loaded.tokenizer.eos(), on_token}).front();
  const std::string rest = text.rest();
  if (options.json) {
    const nlohmann::ordered_json out = {
        {"prompt", prompt}, {"completion", completion + rest}, {"prompt_ids", ids}, {"ids", answer}};
    std::cout << out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  } else {
    std::cout << rest << '\n';
  }
  return 0;
}

}  // namespace

void add_generate_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("generate", "continues a text with the most likely tokens");
  command->add_option("--base", options->base, "Hugging Face directory of the base model")->required();
  command->add_option("--adapter", options->adapter, "PEFT directory of an adapter to put on top");
  command->add_option("--max-new", options->max_new, "tokens at most")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_flag("--json", options->json,
                    "print prompt, completion and their ids as one JSON object");
  command->add_option("prompt", options->prompt, "text to continue; default: standard input");
  command->footer(
      "Example:\n"
      "  fennec-client generate --base models/sensor-tiny --adapter adapter --max-new 8 \"$(cat "
      "prompt.txt)\"\n");
  command->callback([&action, options] { action = [options] { return run_generate(*options); }; });
}

}  // namespace fennec
