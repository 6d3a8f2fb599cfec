#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>

#include "client/base_precision.h"
#include "client/commands.h"
#include "client/generate_session.h"
#include "core/error.h"
#include "model/generation_config.h"

namespace fennec {
namespace {

/// Sampling options as given; what is not given is the model's own default.
struct GivenSampling {
  std::optional<double> temperature, top_p, min_p, repetition_penalty;
  std::optional<std::int64_t> top_k;
  bool greedy = false;
};

struct GenerateCommand {
  GenerateRequest request;
  GivenSampling sampling;
};

SamplingConfig merge(SamplingConfig defaults, const GivenSampling& given) {
  SamplingConfig config = defaults;
  if (given.greedy) config = {.repetition_penalty = defaults.repetition_penalty};
  const bool draws = given.top_k || given.top_p || given.min_p;
  if (config.is_greedy() && draws && !given.greedy) config.temperature = 1;
  config.temperature = given.temperature.value_or(config.temperature);
  config.top_k = given.top_k.value_or(config.top_k);
  config.top_p = given.top_p.value_or(config.top_p);
  config.min_p = given.min_p.value_or(config.min_p);
  config.repetition_penalty = given.repetition_penalty.value_or(config.repetition_penalty);
  check_sampling(config);
  return config;
}

std::string prompt_from_standard_input() {
  std::string text(std::istreambuf_iterator<char>(std::cin), {});
  if (text.ends_with('\n')) text.pop_back();
  if (text.empty()) throw ConfigError("generate: give a PROMPT, or text on standard input");
  return text;
}

int run_generate(GenerateCommand options) {
  GenerateRequest& request = options.request;
  request.text.sampling = merge(read_sampling_defaults(request.base), options.sampling);
  const bool converses = request.chat && request.prompt.empty() && !request.json_lines;
  if (converses && request.json)
    throw ConfigError("generate: --chat --json needs a PROMPT; many at once: --jsonl");
  if (request.prompt.empty() && !converses && !request.json_lines)
    request.prompt = prompt_from_standard_input();
  GenerateSession session(request);
  if (request.json_lines)
    generate_lines(session, request, std::cin, std::cout);
  else if (converses)
    generate_chat(session, request, std::cin, std::cout,
                  ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1);
  else
    generate_once(session, request, std::cout);
  session.log_speed();
  return 0;
}

void add_model_options(CLI::App& command, GenerateRequest& request) {
  command.add_option("--base", request.base, "Hugging Face directory of the base model")->required();
  command
      .add_option("--adapter", request.adapters,
                  "PEFT directory of an adapter to put on top, DIR or NAME=DIR; repeat it for several: "
                  "the first is used, others by \"adapter\" in a JSON line or /adapter in a chat")
      ->allow_extra_args(false);
  add_base_precision(command, request.base_precision);
  command.add_option("--max-new", request.text.max_new_tokens, "tokens at most")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command.add_option("--stop", request.text.stop, "text that ends an answer; may be repeated")
      ->allow_extra_args(false);
  command.add_flag("--no-special", request.no_special,
                   "special tokens spelled in the prompt are plain text: for prompts from strangers");
}

void add_mode_options(CLI::App& command, GenerateRequest& request) {
  auto* json = command.add_flag("--json", request.json,
                                "print prompt, completion, why it ended and ids as one JSON object");
  command
      .add_flag("--jsonl", request.json_lines,
                "answer JSON lines of standard input: {\"prompt\": …} or {\"messages\": [{\"role\", "
                "\"content\"}, …]}; each comes back with \"completion\"")
      ->excludes(json);
  command.add_option("--batch", request.batch, "JSON lines answered in one forward pass")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096));
  command.add_flag("--chat", request.chat,
                   "the prompt is a message to the assistant; without a prompt: a conversation, a "
                   "message a line");
  command.add_option("--system", request.system, "chat: what the assistant is told first");
  command.add_option("--chat-format", request.chat_format,
                     "chat: " + chat_format_names() + "; default: the model's own");
  command.add_option("--chat-date", request.chat_date,
                     "chat: the day that llama3.1 is told, as \"26 Jul 2024\"");
}

void add_sampling_options(CLI::App& command, GivenSampling& given, std::uint64_t& seed) {
  const auto group = "Sampling (default: as the model's generation_config.json says, else greedy)";
  command.add_flag("--greedy", given.greedy, "always the most likely token")->group(group);
  command
      .add_option("--temperature", given.temperature,
                  "below 1 bolder about the likely, above 1 wilder; 0 = greedy")
      ->group(group);
  command.add_option("--top-k", given.top_k, "draw from the k most likely tokens; 0 = all")
      ->group(group);
  command.add_option("--top-p", given.top_p, "draw from the likely tokens that reach this probability")
      ->group(group);
  command
      .add_option("--min-p", given.min_p, "drop tokens below this share of the best one's probability")
      ->group(group);
  command
      .add_option("--repetition-penalty", given.repetition_penalty,
                  "above 1: tokens that occurred become less likely")
      ->group(group);
  command.add_option("--seed", seed, "the same seed draws the same tokens")
      ->capture_default_str()
      ->group(group);
}

}  // namespace

void add_generate_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<GenerateCommand>();
  CLI::App* command = app.add_subcommand(
      "generate", "continues texts, answers chat messages, one or many, with one adapter or several");
  add_model_options(*command, options->request);
  add_mode_options(*command, options->request);
  add_sampling_options(*command, options->sampling, options->request.text.seed);
  command->add_option("prompt", options->request.prompt, "text to continue; default: standard input");
  command->footer(
      "Examples: one prompt; many; a conversation between two adapters (/adapter NAME switches)\n"
      "  fennec-client generate --base models/sensor-tiny --adapter adapter --max-new 8 \"$(cat "
      "prompt.txt)\"\n"
      "  fennec-client generate --base models/sensor-tiny --jsonl <prompts.jsonl >answers.jsonl\n"
      "  fennec-client generate --base models/chat --chat --adapter old=a/0003 --adapter new=a/0009\n");
  command->callback([&action, options] { action = [options] { return run_generate(*options); }; });
}

}  // namespace fennec
