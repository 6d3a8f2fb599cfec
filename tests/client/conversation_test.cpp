#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "tests/client/program.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using nlohmann::json;
using test::ProgramRun;
using test::run_client;

namespace {

constexpr const char* kTalk =
    R"({"device_id":"d","messages":[{"role":"user","content":"Is the ball red?"},)"
    R"({"role":"assistant","content":"Yes."},{"role":"user","content":"Is it big?"},)"
    R"({"role":"assistant","content":"No, small."}]})"
    "\n";

}  // namespace

TEST_CASE("command line: an assistant learns from conversations and then says what it learnt") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  const test::TempDir dir;
  const auto base = dir.path() / "base", data = dir.path() / "data";
  std::filesystem::create_directories(base);
  std::filesystem::create_directories(data);
  for (const char* name :
       {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"})
    std::filesystem::copy_file(test::shared("pretrained/stories260K") / name, base / name);
  write_file_atomically(data / "train.jsonl", kTalk);
  write_file_atomically(data / "test.jsonl", kTalk);
  write_file_atomically(dir / "x.yaml", "model:\n  base: " + base.string() +
                                            "\ntrain:\n  local_steps: 60\n  learning_rate: 0.01\n");
  const std::string train = "train --json --config " + (dir / "x.yaml").string() + " --data " +
                            data.string() + " --out " + (dir / "adapter").string();
  const ProgramRun without = run_client(train);
  CHECK(without.exit_code == 2);
  CHECK(without.err.find("the base model has no chat_template") != std::string::npos);

  write_file_atomically(base / "chat_template.jinja", "{{ bos_token }}[INST] <<SYS>>");
  const ProgramRun trained = run_client(train);
  CAPTURE(trained.err);
  REQUIRE(trained.exit_code == 0);
  const json report = json::parse(trained.out);
  CHECK(report["last_loss"] < report["first_loss"].get<double>() / 4);

  const std::string untuned = " --base " + base.string(),
                    tuned = untuned + " --adapter " + (dir / "adapter").string();
  const auto score = [&](const std::string& model) {
    return json::parse(run_client("evaluate --json --data " + data.string() + model).out);
  };
  const json before = score(untuned), after = score(tuned);
  CHECK(after["examples"] == 2);  // one an answer
  // Not to zero: this base has some two hundred untrained tokens that it cannot tell from end of text.
  CHECK(after["metrics"]["loss"] < before["metrics"]["loss"].get<double>() / 4);
  const ProgramRun answer = run_client("generate --chat --max-new 12" + tuned + " 'Is the ball red?'");
  CHECK(answer.out.find("Yes.") != std::string::npos);
}
