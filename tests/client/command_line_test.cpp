#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "core/safetensors.h"
#include "data/example_io.h"
#include "model/bpe_trainer.h"
#include "model/tokenizer.h"
#include "tests/client/program.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using nlohmann::json;
using test::ProgramRun;
using test::run_client;

namespace {

const char* const kStories = "pretrained/stories260K";

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Asserts one object on standard output.
json output_of(const ProgramRun& run) {
  CAPTURE(run.err);
  REQUIRE(run.exit_code == 0);
  return json::parse(run.out);
}

std::string base() { return test::shared(kStories).string(); }

/// One prepared device whose answers are always the same.
void write_device(const std::filesystem::path& root, const std::string& name) {
  DeviceData device{name, {}, {}};
  for (int i = 0; i < 6; ++i) {
    Example example{name,
                    "The ball is " + std::string(i % 2 ? "red" : "big") + ":",
                    " yes",
                    "ball",
                    TaskKind::kLabel,
                    {}};
    example.slots = {{"", "", {"yes", "no"}}};
    (i < 4 ? device.train : device.test).push_back(example);
  }
  write_device_data(root, device);
}

}  // namespace

TEST_CASE("command line: help teaches by example, for the program and for each command") {
  const ProgramRun help = run_client("--help");
  CHECK(help.exit_code == 0);
  CHECK(contains(help.out, "Exit codes"));
  for (const char* command : {"run", "prepare", "collect", "train", "evaluate", "generate", "tokenize",
                              "logits", "export", "doctor"}) {
    CAPTURE(std::string(command));
    CHECK(contains(help.out, command));
    const ProgramRun own = run_client(std::string(command) + " --help");
    CHECK(own.exit_code == 0);
    CHECK(contains(own.out, "Example"));
    CHECK(contains(own.out, std::string("fennec-client ") + command));
  }
}

TEST_CASE("command line: every command and option that the docs show exists") {
  const ProgramRun help = run_client("--help");
  const std::regex call("fennec-client ([a-z]+)([^\n`|]*)"), option("--[a-z-]+");
  std::map<std::string, std::string> known;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(FENNEC_SOURCE) / "docs")) {
    if (entry.path().extension() != ".md") continue;
    const std::string page = read_text_file(entry.path());
    for (std::sregex_iterator it(page.begin(), page.end(), call), end; it != end; ++it) {
      const std::string command = (*it)[1], rest = (*it)[2];
      CAPTURE(entry.path().filename().string() + ": " + it->str());
      if (!known.contains(command)) known[command] = run_client(command + " --help").out + help.out;
      CHECK(contains(help.out, "\n  " + command + " "));
      for (std::sregex_iterator o(rest.begin(), rest.end(), option); o != end; ++o)
        CHECK(contains(known[command], o->str()));
    }
  }
  CHECK(known.size() >= 5);
}

TEST_CASE("command line: the operator's mistakes end with 2, the machine's with 1") {
  CHECK(run_client("").exit_code == 2);
  CHECK(run_client("dance").exit_code == 2);
  CHECK(run_client("tokenize").exit_code == 2);
  CHECK(run_client("--threads 0 tokenize --base .").exit_code == 2);
  const ProgramRun missing = run_client("tokenize --base /nonexistent");
  CHECK(missing.exit_code == 1);
  CHECK(contains(missing.err, "/nonexistent/tokenizer.json"));
  const ProgramRun recipe = run_client("prepare --recipe /nonexistent.yaml --input . --out .");
  CHECK(recipe.exit_code == 1);
  CHECK(contains(recipe.err, "/nonexistent.yaml"));
  const test::TempDir dir;
  write_file_atomically(dir / "r.yaml", "name: x\nfile: y\n");
  const ProgramRun wrong = run_client("prepare --recipe " + (dir / "r.yaml").string() +
                                      " --input . --out " + dir.path().string());
  CHECK(wrong.exit_code == 2);
  CHECK(contains(wrong.err, "r.yaml:2: unknown key 'file'"));
}

TEST_CASE("command line: prepare generates devices of the sensor world, the same for the same seed") {
  const test::TempDir dir;
  const auto prepare = [&](const std::string& out, const std::string& options) {
    return run_client("prepare --json --world wearable,pump --count 3 --examples 10 --out " +
                      (dir / out).string() + options);
  };
  const json summary = output_of(prepare("a", ""));
  CHECK(summary["train"] == 24);
  CHECK(summary["test"] == 6);
  CHECK(prepared_devices(dir / "a").size() == 3);
  REQUIRE(prepare("b", "").exit_code == 0);
  REQUIRE(prepare("c", " --seed 2").exit_code == 0);
  const auto bytes = [&](const std::string& out) {
    return read_text_file(dir.path() / out / "pump-0000" / "train.jsonl");
  };
  CHECK(bytes("a") == bytes("b"));
  CHECK(bytes("a") != bytes("c"));
  CHECK(run_client("prepare --world volcano --out " + (dir / "d").string()).exit_code == 2);
  CHECK(run_client("prepare --out " + (dir / "d").string()).exit_code == 2);
}

TEST_CASE("command line: tokenize and back") {
  const test::TempDir dir;
  BpeTrainer trainer({.vocab_size = 300});
  for (int i = 0; i < 20; ++i) trainer.add("heart rate 72");
  trainer.write(dir.path());
  const Tokenizer tokenizer = Tokenizer::load(dir.path());
  const std::vector<std::string> texts = {"heart rate 72", "", "°C\n\"x\"", "<|endoftext|>rate"};
  std::string input, ids;
  for (const std::string& text : texts) input += json{{"text", text}}.dump() + "\n";
  const ProgramRun encoded = run_client("tokenize --base " + dir.path().string(), input);
  REQUIRE(encoded.exit_code == 0);
  std::istringstream lines(encoded.out);
  for (const std::string& text : texts) {
    std::string line;
    REQUIRE(std::getline(lines, line));
    CHECK(json::parse(line) == json{{"ids", tokenizer.encode(text)}});
  }
  CHECK(run_client("tokenize --decode --base " + dir.path().string(), encoded.out).out == input);
  const ProgramRun plain =
      run_client("tokenize --decode --no-special --base " + dir.path().string(), R"({"ids":[0,1]})");
  CHECK(json::parse(plain.out) == json{{"text", ""}});
  const ProgramRun bad =
      run_client("tokenize --base " + dir.path().string(), "{\"text\":\"a\"}\n{\"ids\":[1]}\n");
  CHECK(bad.exit_code == 1);
  CHECK(contains(bad.err, "stdin:2:"));
}

TEST_CASE("command line: logits are those of the reference, with and without an adapter") {
  FENNEC_NEEDS_SHARED(kStories);
  const test::TempDir dir;
  const std::string out = (dir / "l.safetensors").string();
  REQUIRE(run_client("logits --base " + base() + " --ids 1,403,407 --out " + out).exit_code == 0);
  const Safetensors plain = Safetensors::open(out);
  REQUIRE(plain.find("logits"));
  CHECK(plain.find("logits")->shape == std::vector<std::int64_t>{3, 512});
  CHECK(plain.find("logits")->dtype == Dtype::kF32);
  const std::string tuned =
      " --adapter " + test::shared(std::string(kStories) + "/adapter_tuned").string();
  REQUIRE(run_client("logits --base " + base() + tuned + " --ids 1,403,407 --out " + out).exit_code ==
          0);
  const Safetensors adapted = Safetensors::open(out);
  std::vector<float> a(3 * 512), b(3 * 512);
  REQUIRE(to_float(*plain.find("logits"), a));
  REQUIRE(to_float(*adapted.find("logits"), b));
  double apart = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    apart = std::max(apart, std::abs(static_cast<double>(a[i] - b[i])));
  CHECK(apart > 0.1);
  REQUIRE(run_client("logits --base " + base() + " --base-precision int4 --ids 1,403,407 --out " + out)
              .exit_code == 0);
  const Safetensors coarse = Safetensors::open(out);
  REQUIRE(to_float(*coarse.find("logits"), b));
  CHECK(a != b);
  CHECK(run_client("logits --base " + base() + " --ids 1,512 --out " + out).exit_code == 2);
  CHECK(run_client("logits --base " + base() + " --ids 1,x --out " + out).exit_code == 2);
}

TEST_CASE("command line: generate continues with the reference's greedy tokens") {
  FENNEC_NEEDS_SHARED(kStories);
  const auto expected =
      json::parse(read_text_file(test::shared(std::string(kStories) + "/expected.json")));
  const auto greedy = expected["greedy_from_bos"]["ids"].get<std::vector<TokenId>>();
  const Tokenizer tokenizer = Tokenizer::load(base());
  const json out = output_of(run_client("generate --json --max-new 20 --base " + base() + " Once"));
  const auto prompt = out["prompt_ids"].get<std::vector<TokenId>>(),
             ids = out["ids"].get<std::vector<TokenId>>();
  REQUIRE(prompt == tokenizer.encode("Once"));
  REQUIRE(ids.size() == 20);
  for (std::size_t i = 0; i < 20; ++i) CHECK(ids[i] == greedy[prompt.size() + i]);
  CHECK(out["finish_reason"] == "length");
  CHECK(out["adapter"] == "base");
  const auto text = out["completion"].get<std::string>();
  CHECK(text.starts_with(" upon a time"));
  const ProgramRun plain = run_client("generate --max-new 20 --base " + base(), "Once\n");
  CHECK(plain.out == text + "\n");
  CHECK(contains(plain.err, "tokens/s"));
  CHECK(run_client("generate --base " + base()).exit_code == 2);
}

TEST_CASE("command line: training here lowers the loss that evaluate reports") {
  FENNEC_NEEDS_SHARED(kStories);
  const test::TempDir dir;
  write_device(dir.path() / "data", "d1");
  write_device(dir.path() / "data", "d2");
  const std::string data = (dir / "data").string(), adapter = (dir / "adapter").string(),
                    config = (dir / "x.yaml").string();
  write_file_atomically(config, "model:\n  base: " + base() + "\ntrain:\n  max_sequence_tokens: 64\n");
  const std::string train =
      "train --json --config " + config + " --data " + data + "/d1 " + data + "/d2 --out " + adapter;
  const json report = output_of(run_client(train + " --set train.local_steps=12"));
  CHECK(report["steps"] == 12);
  CHECK(report["last_loss"] < report["first_loss"]);
  const std::string evaluate = "evaluate --json --base " + base() + " --data " + data;
  const json before = output_of(run_client(evaluate)),
             after = output_of(run_client(evaluate + " --adapter " + adapter));
  CHECK(before["examples"] == 4);
  CHECK(after["metrics"]["loss"] < before["metrics"]["loss"]);
  CHECK(after["metrics"]["accuracy"] == 1.0);
  CHECK(output_of(run_client(evaluate + "/d1 --limit 1"))["examples"] == 1);
  CHECK(run_client(train + " --set train.local_stepz=1").exit_code == 2);
  // The same on a base in a few bits.
  const json quantised = output_of(run_client(
      train + " --base-precision int8 --set train.local_steps=12 train.gradient_checkpointing=true"));
  CHECK(quantised["first_loss"].get<double>() ==
        doctest::Approx(report["first_loss"].get<double>()).epsilon(0.02));
  CHECK(quantised["last_loss"] < quantised["first_loss"]);
  CHECK(run_client(train + " --base-precision int5").exit_code == 2);
}

TEST_CASE("command line: frozen first layers are computed once, from one training to the next too") {
  FENNEC_NEEDS_SHARED(kStories);
  const test::TempDir dir;
  write_device(dir.path(), "d1");
  const std::string cache = (dir / "a.prefix_cache").string();
  write_file_atomically(dir / "x.yaml", "model:\n  base: " + base() +
                                            "\ntrain:\n  max_sequence_tokens: 64\n  local_epochs: 3\n");
  const auto train = [&](const std::string& layers, const std::string& store) {
    return run_client("train --json --config " + (dir / "x.yaml").string() + " --data " +
                      (dir / "d1").string() + " --out " + (dir / "a").string() +
                      " --set 'lora.layers_to_transform=" + layers +
                      "' train.prefix_cache.store=" + store);
  };
  const json plain = output_of(train("[3,4]", "none")), cold = output_of(train("[3,4]", "disk")),
             warm = output_of(train("[3,4]", "disk"));
  CHECK(plain["prefixes_computed"] == 12);  // three passes over four examples
  CHECK(cold["prefixes_computed"] == 2);    // which are two texts
  CHECK(warm["prefixes_computed"] == 0);
  CHECK(warm["prefixes_reused"] == 12);
  CHECK(std::filesystem::exists(cache));
  for (const json* run : {&cold, &warm}) CHECK((*run)["last_loss"] == plain["last_loss"]);
  CHECK(output_of(train("[3,4]", "memory"))["prefixes_computed"] == 2);
  CHECK_FALSE(std::filesystem::exists(cache));
  const ProgramRun useless = train("[]", "disk");
  CHECK(useless.exit_code == 2);
  CHECK(contains(useless.err, "train.prefix_cache.store is disk, but the adapter changes the first"));
}

TEST_CASE("command line: doctor says what to configure within a budget") {
  FENNEC_NEEDS_SHARED(kStories);
  const std::string doctor = "doctor --json --base " + base() + " --budget ";
  const json easy = output_of(run_client(doctor + "2GB"));
  CHECK(easy["fits"] == true);
  CHECK(easy["steps"].size() == 1);
  const double plain = easy["steps"][0]["bytes"]["total"].get<double>();
  const json tight = output_of(run_client(doctor + std::to_string(plain * 0.97e-6) + "MB"));
  CHECK(tight["steps"].size() > 1);
  // The lines it prints are an experiment that trains.
  const test::TempDir dir;
  write_file_atomically(dir / "x.yaml", tight["yaml"].get<std::string>());
  write_device(dir.path() / "data", "d1");
  CHECK(run_client("train --json --set train.local_steps=1 --config " + (dir / "x.yaml").string() +
                   " --base " + base() + " --data " + (dir / "data/d1").string() + " --out " +
                   (dir / "a").string())
            .exit_code == 0);
  CHECK(run_client(doctor + "1MB").exit_code == 1);
  CHECK(run_client(doctor + "600").exit_code == 2);
  CHECK(run_client("doctor --budget 600MB").exit_code == 2);
}

TEST_CASE("command line: doctor tells a healthy device from a faulty one") {
  CHECK(output_of(run_client("doctor --json"))["healthy"] == true);
  const ProgramRun faulty =
      run_client("doctor --json --base /nonexistent --data /nonexistent --bundle /nonexistent");
  CHECK(faulty.exit_code == 1);
  const json found = json::parse(faulty.out);
  CHECK(found["healthy"] == false);
  int faults = 0;
  for (const json& check : found["checks"]) faults += check["healthy"] == false ? 1 : 0;
  CHECK(faults >= 3);
  FENNEC_NEEDS_SHARED(kStories);
  const ProgramRun base_only = run_client("doctor --base " + base());
  CHECK(base_only.exit_code == 0);
  CHECK(contains(base_only.out, "tokens/s"));
  CHECK(contains(base_only.out, "\nhealthy\n"));
}
