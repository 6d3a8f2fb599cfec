#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "data/example_io.h"
#include "tests/client/program.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using nlohmann::json;
using test::run_client;

namespace {

/// A golden checkpoint with a tokenizer of lower-case letters, which it comes without.
void add_tokenizer(const std::filesystem::path& base) {
  json vocab;
  for (char letter = 'a'; letter <= 'z'; ++letter) vocab[std::string(1, letter)] = letter - 'a';
  const json tokenizer = {{"added_tokens", json::array()},
                          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
                          {"decoder", {{"type", "ByteLevel"}}},
                          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", json::array()}}}};
  write_file_atomically(base / "tokenizer.json", tokenizer.dump());
}

DeviceData one_device() {
  DeviceData device{"d", {}, {}};
  for (const char* prompt : {"warm:", "cold:", "fresh air:"}) {
    Example example{"d", prompt, " yes", "state", TaskKind::kLabel, {}};
    example.slots = {{"", "", {"yes", "no"}}};
    device.test.push_back(example);
  }
  return device;
}

}  // namespace

TEST_CASE("command line: tokenize and evaluate take a base of any family") {
  FENNEC_NEEDS_SHARED("golden/gpt2");
  for (const char* family : {"gpt2", "gpt_neox", "mistral-swa", "qwen3", "llama3-ropescaled"}) {
    CAPTURE(std::string(family));
    const test::TempDir dir;
    std::filesystem::copy(test::shared("golden/" + std::string(family)), dir / "base",
                          std::filesystem::copy_options::recursive);
    add_tokenizer(dir / "base");
    write_device_data(dir.path(), one_device());
    const std::string base = " --base " + (dir / "base").string();
    CHECK(json::parse(run_client("tokenize" + base, "{\"text\": \"abz\"}\n").out) ==
          json{{"ids", {0, 1, 25}}});
    const auto run = run_client("evaluate --json" + base + " --data " + (dir / "d").string());
    CAPTURE(run.err);
    REQUIRE(run.exit_code == 0);
    const json metrics = json::parse(run.out)["metrics"];
    CAPTURE(metrics.dump());
    REQUIRE(metrics.contains("loss"));
    CHECK(std::isfinite(metrics["loss"].get<double>()));
  }
}
