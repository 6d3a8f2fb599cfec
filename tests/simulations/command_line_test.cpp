#include <doctest/doctest.h>

#include <fstream>

#include <nlohmann/json.hpp>

#include "data/example_io.h"
#include "tests/support/program.h"
#include "tests/support/shared.h"

using namespace fennec;
using fennec::test::run_program;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void write_devices(const std::filesystem::path& root) {
  for (const char* name : {"a", "b"}) {
    DeviceData data;
    data.device_id = name;
    for (int i = 0; i < 6; ++i) {
      Example e;
      e.device_id = name;
      e.prompt = "level " + std::to_string(10 * i) + "\nstate:";
      e.completion = i < 3 ? " low" : " high";
      e.task = "state";
      e.kind = TaskKind::kLabel;
      e.slots = {{"", "", {"low", "high"}}};
      (i % 3 == 0 ? data.test : data.train).push_back(e);
    }
    write_device_data(root, data);
  }
}

}  // namespace

TEST_CASE("help names the commands; nothing to do is an error") {
  const auto help = run_program("fennec-sim", "--help");
  CHECK(help.exit_code == 0);
  for (const char* command : {"run", "compare", "keys"}) CHECK(contains(help.out, command));
  CHECK(run_program("fennec-sim", "").exit_code == 2);
  CHECK(run_program("fennec-sim", "fly").exit_code == 2);
}

TEST_CASE("a wrong configuration ends with code 2 and names file, line and key") {
  test::TempDir dir;
  std::ofstream(dir / "x.yaml") << "rounds:\n  totl: 3\n";
  const auto run = run_program("fennec-sim", "run " + (dir / "x.yaml").string());
  CHECK(run.exit_code == 2);
  CHECK(contains(run.err, "x.yaml:2: unknown key 'rounds.totl'; did you mean 'total'?"));
  CHECK(run_program("fennec-sim", "run /nowhere.yaml").exit_code == 2);
}

TEST_CASE("a base model that is not there ends with code 1 and names it") {
  test::TempDir dir;
  write_devices(dir / "data");
  std::ofstream(dir / "x.yaml")
      << "model: {base: /nowhere}\nrounds: {cohort_size: 2}\ndata: {prepared: "
      << (dir / "data").string() << "}\n";
  const auto run = run_program("fennec-sim",
                               "run " + (dir / "x.yaml").string() + " --out " + (dir / "out").string());
  CHECK(run.exit_code == 1);
  CHECK(contains(run.err, "/nowhere"));
}

TEST_CASE("run prints a table, or JSON lines, and says where its files are") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  test::TempDir dir;
  write_devices(dir / "data");
  std::ofstream(dir / "x.yaml")
      << "name: tiny\nmodel: {base: " << test::shared("pretrained/stories260K").string()
      << "}\ntrain: {local_steps: 2, batch_tokens: 64}\nrounds: {total: 2, cohort_size: 2}\n"
      << "data: {prepared: " << (dir / "data").string() << "}\n";
  const std::string arguments = "run " + (dir / "x.yaml").string() + " --out " + (dir / "out").string();
  const auto table = run_program("fennec-sim", arguments);
  CAPTURE(table.err);
  REQUIRE(table.exit_code == 0);
  CHECK(contains(table.out, "    2    2/2  "));
  CHECK(contains(table.out, "held-out  loss "));
  for (const char* file :
       {"adapter/adapter_model.safetensors", "metrics.jsonl", "report.html", "experiment.yaml"})
    CHECK(std::filesystem::exists(dir / "out" / file));

  const auto json = run_program("fennec-sim", arguments + " --json --set rounds.total=1 --set seed=3");
  REQUIRE(json.exit_code == 0);
  std::size_t rounds = 0;
  nlohmann::json last;
  for (std::size_t at = 0; at < json.out.size();) {
    const std::size_t end = json.out.find('\n', at);
    last = nlohmann::json::parse(json.out.substr(at, end - at));
    rounds += last["event"] == "round";
    at = end + 1;
  }
  CHECK(rounds == 1);
  CHECK(last["event"] == "finished");
  CHECK(last["after"].contains("accuracy"));
}

TEST_CASE("compare runs what is missing, keeps what is finished and tells one table") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  test::TempDir dir;
  write_devices(dir / "data");
  std::ofstream(dir / "x.yaml")
      << "name: tiny\nmodel: {base: " << test::shared("pretrained/stories260K").string()
      << "}\ntrain: {local_steps: 1, batch_tokens: 64}\nrounds: {total: 2, cohort_size: 2}\n"
      << "data: {prepared: " << (dir / "data").string() << "}\n";
  std::ofstream(dir / "c.yaml") << "name: pair\nbase: " << (dir / "x.yaml").string()
                                << "\nseeds: [1, 2]\nvariants:\n  - name: plain\n  - name: small\n"
                                   "    set: {aggregation.codec: int8}\n";
  const std::string arguments =
      "compare " + (dir / "c.yaml").string() + " --out " + (dir / "out").string();
  const auto first = run_program("fennec-sim", arguments);
  CAPTURE(first.err);
  REQUIRE(first.exit_code == 0);
  CHECK(contains(first.out, "small seed 2: accuracy"));
  CHECK_FALSE(contains(first.out, "kept"));
  const std::string table = first.out.substr(first.out.find("pair: 2 rounds a run at most, 2 seeds"));
  CHECK(std::filesystem::exists(dir / "out" / "comparison.html"));
  CHECK(std::filesystem::exists(dir / "out" / "runs" / "small-2" / "report.html"));

  std::filesystem::remove(dir / "out" / "runs" / "small-2" / "figures.json");  // as if it was stopped
  const auto again = run_program("fennec-sim", arguments);
  REQUIRE(again.exit_code == 0);
  CHECK(contains(again.out, "plain seed 1: accuracy"));
  CHECK(contains(again.out, "small seed 1") == contains(again.out, "rounds, kept"));
  std::size_t kept = 0;
  for (std::size_t at = again.out.find(", kept"); at != std::string::npos;
       at = again.out.find(", kept", at + 1))
    ++kept;
  CHECK(kept == 3);
  CHECK(contains(again.out, table));

  const auto json = run_program("fennec-sim", arguments + " --json --seeds 1 --metric loss");
  REQUIRE(json.exit_code == 0);
  const std::string last = json.out.substr(json.out.rfind('\n', json.out.size() - 2) + 1);
  CHECK(nlohmann::json::parse(last)["variants"][1]["metric"]["mean"].get<double>() > 0);
  CHECK(run_program("fennec-sim", arguments + " --metric mae").exit_code == 2);
  CHECK(run_program("fennec-sim", arguments + " --budget 0").exit_code == 2);
}
