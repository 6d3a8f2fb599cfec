#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "client/commands.h"
#include "client/json_lines.h"
#include "model/tokenizer.h"

namespace fennec {
namespace {

struct TokenizeCommand {
  std::string base;
  bool no_special = false, decode = false;
};

int tokenize(const TokenizeCommand& options) {
  const Tokenizer tokenizer = Tokenizer::load(options.base);
  for_each_json_line(std::cin, "stdin", [&](const nlohmann::json& line, const std::string&) {
    nlohmann::json out;
    if (options.decode)
      out["text"] = tokenizer.decode(line.at("ids").get<std::vector<TokenId>>(), options.no_special);
    else
      out["ids"] =
          tokenizer.encode(line.at("text").get<std::string>(), {.add_special = !options.no_special});
    std::cout << out.dump() << '\n';
  });
  return 0;
}

}  // namespace

void add_tokenize_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<TokenizeCommand>();
  CLI::App* command = app.add_subcommand(
      "tokenize", "text to token ids and back, to compare with other implementations");
  command->add_option("--base", options->base, "Hugging Face directory with a tokenizer.json")
      ->required();
  command->add_flag(
      "--no-special", options->no_special,
      "encoding: add no begin- or end-of-text; decoding: leave special tokens out of the text");
  command->add_flag("--decode", options->decode, R"(read {"ids": […]} lines and write {"text": …})");
  command->footer(
      "Reads JSON lines {\"text\": …} from standard input, writes {\"ids\": […]} to standard output.\n"
      "Example:\n"
      "  echo '{\"text\": \"heart rate 72\"}' | fennec-client tokenize --base models/sensor-tiny\n");
  command->callback([&action, options] { action = [options] { return tokenize(*options); }; });
}

}  // namespace fennec
