// The recipes of configs/data against the public sets they are for.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "data/example_io.h"
#include "data/prepare.h"
#include "data/reader.h"
#include "tests/data/load_recipe.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

using namespace fennec;

namespace {

/// Every window, no cap: so each one that an outside script chose must be among ours.
RecipeConfig exhaustive(const std::string& name) {
  RecipeConfig recipe = test::load_recipe(name);
  recipe.max_train = recipe.max_test = 0;
  for (TaskConfig& task : recipe.tasks) task.train_stride = task.test_stride = 1;
  return recipe;
}

/// Are all examples of `set`/examples.jsonl among those made by the recipes?
void check_examples(const std::string& set, const std::vector<std::string>& recipes) {
  const std::filesystem::path folder = test::shared("data/" + set);
  std::vector<Example> wanted = load_examples(folder / "examples.jsonl");
  REQUIRE(wanted.size() == 3);
  std::map<std::string, std::set<std::string>> made;
  for (const Example& example : wanted) {
    if (made.count(example.device_id) != 0) continue;
    std::set<std::string>& texts = made[example.device_id];
    for (const std::string& name : recipes) {
      RecipeConfig recipe = exhaustive(name);
      const test::TempDir out;
      PrepareOptions options;
      options.devices = {example.device_id};
      try {
        prepare(recipe, folder, out.path(), options);
      } catch (const ConfigError&) {
        continue;  // a device of the other recipe
      }
      const DeviceData data = load_device_data(out / example.device_id);
      for (const auto* part : {&data.train, &data.test})
        for (const Example& e : *part) texts.insert(e.prompt + "|" + e.completion);
    }
  }
  for (const Example& example : wanted) {
    CAPTURE(example.prompt);
    CAPTURE(example.completion);
    CHECK(made[example.device_id].count(example.prompt + "|" + example.completion) == 1);
  }
}

PrepareSummary prepared(const RecipeConfig& recipe, const std::string& set, const std::string& task,
                        const test::TempDir& out) {
  PrepareOptions options;
  options.tasks = {task};
  return prepare(recipe, test::shared("data/" + set), out.path(), options);
}

RecipeConfig uncapped(const std::string& name, int max_train) {
  RecipeConfig recipe = test::load_recipe(name);
  recipe.max_test = 0;
  recipe.max_train = max_train;
  return recipe;
}

}  // namespace

TEST_CASE("recipes write the reference prompts: activity") {
  FENNEC_NEEDS_SHARED("data/har_phone_watch");
  check_examples("har_phone_watch", {"har_phone", "har_watch"});
}
TEST_CASE("recipes write the reference prompts: air") {
  FENNEC_NEEDS_SHARED("data/beijing_air");
  check_examples("beijing_air", {"beijing_air"});
}
TEST_CASE("recipes write the reference prompts: homes") {
  FENNEC_NEEDS_SHARED("data/solar_homes");
  check_examples("solar_homes", {"solar_homes"});
}
TEST_CASE("recipes write the reference prompts: hydraulic rig") {
  FENNEC_NEEDS_SHARED("data/hydraulic_rig");
  check_examples("hydraulic_rig", {"hydraulic_rig"});
}
TEST_CASE("recipes write the reference prompts: flows") {
  FENNEC_NEEDS_SHARED("data/iot23_flows");
  check_examples("iot23_flows", {"iot23_flows"});
}
TEST_CASE("recipes write the reference prompts: ssh log") {
  FENNEC_NEEDS_SHARED("data/ssh_gateway");
  check_examples("ssh_gateway", {"ssh_gateway"});
}

TEST_CASE("test parts have the sizes of the published baselines") {
  FENNEC_NEEDS_SHARED("data/baselines.json");
  const test::TempDir out;
  CHECK(prepared(test::load_recipe("har_phone"), "har_phone_watch", "activity_1s_phone", out).test ==
        309);
  CHECK(prepared(test::load_recipe("har_watch"), "har_phone_watch", "activity_1s_watch", out).test ==
        310);
  CHECK(prepared(test::load_recipe("hydraulic_rig"), "hydraulic_rig", "component_state", out).test ==
        230);
  CHECK(prepared(uncapped("iot23_flows", 10), "iot23_flows", "flow_label", out).test == 8604);
  CHECK(prepared(uncapped("beijing_air", 10), "beijing_air", "pm25_forecast_1h", out).test == 34530);
  CHECK(prepared(uncapped("solar_homes", 10), "solar_homes", "pv_next_hour", out).test == 21024);
}

TEST_CASE("no recipe of the rig tells the device, no training segment is tested") {
  FENNEC_NEEDS_SHARED("data/hydraulic_rig");
  const test::TempDir out;
  const PrepareSummary summary =
      prepared(test::load_recipe("hydraulic_rig"), "hydraulic_rig", "component_state", out);
  CHECK(summary.devices.size() == 12);
  CHECK(summary.train == 869);
  for (const auto& device : summary.devices)
    for (const Example& e : load_device_data(out / device.device_id).train) {
      CHECK(e.prompt.find("acc") == std::string::npos);
      CHECK(e.prompt.find("cooler") == std::string::npos);
      CHECK(e.slots.size() == 3);
    }
}

TEST_CASE("every data recipe loads and says its command first") {
  std::size_t found = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(FENNEC_SOURCE) + "/configs/data")) {
    const std::string name = entry.path().stem().string();
    CAPTURE(name);
    CHECK(test::load_recipe(name).name == name);
    const std::string first =
        "# fennec-client prepare --recipe configs/data/" + name + ".yaml --input ";
    CHECK(read_text_file(entry.path()).rfind(first, 0) == 0);
    ++found;
  }
  CHECK(found == 7);
}
