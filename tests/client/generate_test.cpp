#include "tests/support/doctest_torch.h"

#include <sstream>

#include <ATen/core/grad_mode.h>
#include <nlohmann/json.hpp>

#include "client/generate_session.h"
#include "core/error.h"
#include "tests/client/program.h"
#include "tests/model/golden.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace fennec;
using nlohmann::json;
using test::ProgramRun;
using test::run_client;

const char* const kStories = "pretrained/stories260K";

std::string stories(const std::string& part = "") { return (test::shared(kStories) / part).string(); }

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

GenerateRequest request_of(std::int64_t max_new = 12) {
  GenerateRequest request;
  request.base = stories();
  request.text.max_new_tokens = max_new;
  return request;
}

std::string once(GenerateSession& session, GenerateRequest request, const std::string& prompt) {
  request.prompt = prompt;
  std::ostringstream out;
  generate_once(session, request, out);
  return out.str();
}

std::vector<json> lines_of(const std::string& text) {
  std::vector<json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

std::string generate_options() { return "generate --base " + stories() + " --max-new 12 "; }

}  // namespace

TEST_CASE("adapter shelf: after a swap the logits are those of a fresh load") {
  FENNEC_NEEDS_SHARED(kStories);
  const at::NoGradGuard no_grad;
  const TokenBatch batch{at::arange(1, 40, at::kLong).unsqueeze(0), {}, {}};
  const auto fresh = [&](const std::string& adapter) {
    const LoadedModel loaded = load_model(stories(), adapter);
    return test::all_logits(*loaded.model, batch);
  };
  const at::Tensor base = fresh(""), first = fresh(stories("adapter_init")),
                   tuned = fresh(stories("adapter_tuned"));
  CHECK(test::max_difference(base, tuned) > 0.1);
  const LoadedModel loaded = load_model(stories(), "");
  const auto logits = [&] { return test::all_logits(*loaded.model, batch); };
  AdapterShelf shelf(*loaded.model);
  shelf.add(stories("adapter_init"));
  shelf.add("new=" + stories("adapter_tuned/"));
  CHECK(shelf.names() == std::vector<std::string>{"base", "adapter_init", "new"});
  CHECK(at::equal(logits(), base));
  shelf.use("new");
  CHECK(at::equal(logits(), tuned));
  shelf.use("adapter_init");
  CHECK(at::equal(logits(), first));
  shelf.use("new");
  CHECK(at::equal(logits(), tuned));
  CHECK_THROWS_AS(shelf.use("old"), ConfigError);
  CHECK_THROWS_AS(shelf.add(stories("adapter_init")), ConfigError);
  CHECK_THROWS_AS(shelf.add("x=/nonexistent"), IoError);
  CHECK(shelf.current() == "new");
  shelf.use("base");
  CHECK(at::equal(logits(), base));
}

TEST_CASE("adapter shelf: an adapter of another model is refused at once, and changes nothing") {
  FENNEC_NEEDS_SHARED(kStories);
  FENNEC_NEEDS_SHARED("golden/llama-mha-untied");
  const LoadedModel loaded = load_model(stories(), "");
  AdapterShelf shelf(*loaded.model);
  shelf.add(stories("adapter_tuned"));
  shelf.use("adapter_tuned");
  CHECK_THROWS_AS(shelf.add(test::shared("golden/llama-mha-untied/adapter_qv").string()), IoError);
  CHECK(shelf.current() == "adapter_tuned");
  CHECK(shelf.names().size() == 2);
}

TEST_CASE("generate: stop strings, seeds and adapters of one session") {
  FENNEC_NEEDS_SHARED(kStories);
  GenerateRequest request = request_of(40);
  request.adapters = {"tuned=" + stories("adapter_tuned")};
  GenerateSession session(request);
  CHECK(session.adapters().current() == "tuned");
  const std::string tuned = once(session, request, "Once");
  session.adapters().use("base");
  const std::string base = once(session, request, "Once");
  CHECK(base.starts_with(" upon a time"));
  CHECK(base != tuned);
  request.text.stop = {"a time", "never"};
  GenerateSession stopping(request);
  stopping.adapters().use("base");
  CHECK(once(stopping, request, "Once") == " upon \n");
  CHECK(stopping.generator().tally().new_tokens < 12);
}

TEST_CASE("command line: generate draws what the seed says, and says what it cannot do") {
  FENNEC_NEEDS_SHARED(kStories);
  const auto draw = [](const std::string& options) {
    const ProgramRun run = run_client(generate_options() + options + " Once");
    CHECK(run.exit_code == 0);
    return run.out;
  };
  CHECK(draw("--temperature 1.5 --seed 1") == draw("--temperature 1.5 --seed 1"));
  CHECK(draw("--temperature 1.5 --seed 1") != draw("--temperature 1.5 --seed 2"));
  CHECK(draw("--top-k 1 --seed 9") == draw(""));
  CHECK(draw("--greedy --seed 9") == draw(""));
  CHECK(draw("--temperature 1 --top-p 0.0001") == draw("--temperature 0"));
  CHECK(draw("--repetition-penalty 5") != draw(""));
  CHECK(run_client(generate_options() + "--top-p 2 Once").exit_code == 2);
  CHECK(run_client(generate_options() + "--json --jsonl").exit_code == 2);
  CHECK(run_client(generate_options() + "--chat --chat-format alpaca hi").exit_code == 2);
  const ProgramRun no_template = run_client(generate_options() + "--chat hi");
  CHECK(no_template.exit_code == 2);
  CHECK(contains(no_template.err, "chatml, llama3.1, llama3"));
  const std::string json_line = "--json ";
  const auto ids = [&](const std::string& options) {
    return json::parse(run_client(generate_options() + json_line + options).out)["prompt_ids"];
  };
  CHECK(ids("'</s>'").size() == 2);
  CHECK(ids("--no-special '</s>'").size() > 2);
}

TEST_CASE("command line: generate answers JSON lines in order, each with its adapter") {
  FENNEC_NEEDS_SHARED(kStories);
  const std::string options =
      generate_options() + "--jsonl --batch 2 --adapter tuned=" + stories("adapter_tuned");
  const std::string input = R"({"prompt": "Once", "id": 1})"
                            "\n\n"
                            R"({"prompt": "The big dog", "id": 2})"
                            "\n"
                            R"({"prompt": "Once", "id": 3, "adapter": "base"})"
                            "\n"
                            R"({"prompt": "Lily", "id": 4})"
                            "\n"
                            R"({"messages": [{"role": "user", "content": "Hi"}], "id": 5})"
                            "\n";
  const ProgramRun run = run_client(options + " --chat-format llama2", input);
  CAPTURE(run.err);
  REQUIRE(run.exit_code == 0);
  const auto lines = lines_of(run.out);
  REQUIRE(lines.size() == 5);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    CHECK(lines[i]["id"] == i + 1);
    CHECK(lines[i]["tokens"] <= 12);
    CHECK(lines[i].contains("finish_reason"));
  }
  const auto alone = [&](const std::string& adapter, const std::string& prompt) {
    std::string text = run_client(generate_options() + adapter + " '" + prompt + "'").out;
    text.pop_back();
    return text;
  };
  CHECK(lines[0]["completion"] == alone("--adapter " + stories("adapter_tuned"), "Once"));
  CHECK(lines[1]["completion"] == alone("--adapter " + stories("adapter_tuned"), "The big dog"));
  CHECK(lines[2]["completion"] == alone("", "Once"));
  CHECK(lines[4]["messages"][0]["content"] == "Hi");
}

TEST_CASE("command line: a bad JSON line is named, what came before it is answered") {
  FENNEC_NEEDS_SHARED(kStories);
  for (const char* bad :
       {R"({"text": "x"})", R"({"prompt": 3})", R"({"prompt": "x", "messages": []})", "[1]",
        R"({"prompt": "x", "adapter": "none"})", R"({"messages": [{"role": "user"}]})",
        R"({"messages": [{"role": "user", "content": "no chat format here"}]})", "{"}) {
    CAPTURE(std::string(bad));
    const ProgramRun run = run_client(generate_options() + "--jsonl",
                                      std::string("{\"prompt\": \"Once\"}\n") + bad + "\n");
    CHECK(run.exit_code == 1);
    CHECK(contains(run.err, "stdin:2"));
    CHECK(lines_of(run.out).size() == 1);
  }
}

TEST_CASE("command line: a chat without a terminal is answers alone, commands switch adapters") {
  FENNEC_NEEDS_SHARED(kStories);
  const std::string options =
      generate_options() + "--chat --chat-format llama2 --adapter tuned=" + stories("adapter_tuned");
  const ProgramRun run =
      run_client(options, "Hello\n\n/adapter base\n/adapter nope\n/what\n/quit\nunseen\n");
  CHECK(run.exit_code == 0);
  std::istringstream out(run.out);
  std::string line;
  std::vector<std::string> lines;
  while (std::getline(out, line)) lines.push_back(line);
  CHECK(contains(run.out,
                 "adapter: base (of base, tuned)\nunknown adapter 'nope'; there are: base, tuned\n"
                 "unknown command /what; /help lists them\n"));
  CHECK_FALSE(contains(run.out, "you>"));
  const ProgramRun one = run_client(options + " Hello");
  CHECK(run.out.starts_with(one.out));
}

TEST_CASE("chat: a person is greeted, history grows, is forgotten when told or when it does not fit") {
  FENNEC_NEEDS_SHARED(kStories);
  GenerateRequest request = request_of(6);
  request.chat = true;
  request.chat_format = "llama2";
  request.system = "Be kind.";
  GenerateSession session(request);
  const auto prompt_tokens_of = [&](const std::string& input, std::string* shown = nullptr) {
    const auto before = session.generator().tally().prompt_tokens;
    std::istringstream in(input);
    std::ostringstream out;
    generate_chat(session, request, in, out, /*terminal=*/true);
    if (shown) *shown = out.str();
    return session.generator().tally().prompt_tokens - before;
  };
  std::string shown;
  const auto one = prompt_tokens_of("Hi\n", &shown);
  CHECK(contains(shown, "chat format llama2; adapter: base"));
  CHECK(contains(shown, "you> model> "));
  CHECK(prompt_tokens_of("Hi\n/clear\nHi\n") == 2 * one);
  CHECK(prompt_tokens_of("Hi\nHi\n") > 2 * one);
  CHECK(prompt_tokens_of("Hi\n/system\nHi\n") < 2 * one);
  std::string long_talk;
  for (int i = 0; i < 30; ++i) long_talk += "Tell me a story about a dog and a cat\n";
  prompt_tokens_of(long_talk, &shown);
  CHECK(contains(shown, "the oldest exchange is forgotten"));
  prompt_tokens_of(std::string(3000, 'x') + "\nHi\n", &shown);
  CHECK(contains(shown, "tokens, the model's context holds 512"));
  prompt_tokens_of("/help\n", &shown);
  for (const char* command : {"/help", "/adapter", "/system", "/clear", "/quit"})
    CHECK(contains(shown, command));
}
