#include "data/prepare.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "core/files.h"
#include "tests/support/temp_dir.h"

using namespace fennec;

namespace {

/// Temperature of a room: three rows → the next; and is it warm?
RecipeConfig room_recipe() {
  RecipeConfig recipe;
  recipe.name = "room";
  recipe.files = {"room*.csv"};
  recipe.split.fraction = 0.25;
  ValueConfig temp;
  temp.columns = {"t"};
  temp.name = "now";
  recipe.values.push_back(temp);
  temp.name = "temps";
  temp.statistic = "all";
  recipe.values.push_back(temp);
  temp.name = "warm";
  temp.statistic = "last";
  temp.bins = {20};
  temp.bin_names = {"no", "yes"};
  recipe.values.push_back(temp);
  recipe.tasks.resize(2);
  recipe.tasks[0] = {"next", "forecast", 3, 1, 1, 1, {}, "T {temps}\nnext:", "{now}", {}};
  recipe.tasks[1] = {"warm", "label", 1, 0, 1, 1, {}, "T {temps}\nwarm:", "", {{"", "", "warm", {}}}};
  return recipe;
}

std::string problem_of(const RecipeConfig& recipe, const std::filesystem::path& input,
                       const PrepareOptions& options = {}) {
  const test::TempDir out;
  try {
    prepare(recipe, input, out.path(), options);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("prepare writes what a recipe says, test rows last, unknown answers dropped") {
  const test::TempDir in, out;
  write_file_atomically(in / "room1.csv", "t\n18\n19\nNA\n21\n22\n23\n24\n25\n");
  write_file_atomically(in / "other.csv", "x\n");
  const PrepareSummary summary = prepare(room_recipe(), in.path(), out.path());
  REQUIRE(summary.devices.size() == 1);
  CHECK(summary.devices[0].device_id == "room1");
  const DeviceData data = load_device_data(out / "room1");
  CHECK(summary.train == data.train.size());
  CHECK(summary.test == data.test.size());

  std::vector<std::string> train, test;
  for (const Example& e : data.train) train.push_back(e.prompt + e.completion);
  for (const Example& e : data.test) test.push_back(e.prompt + e.completion);
  CHECK(train == std::vector<std::string>{"T 18\nwarm: no", "T 19\nwarm: no", "T 18 19 ?\nnext: 21",
                                          "T 21\nwarm: yes", "T 19 ? 21\nnext: 22", "T 22\nwarm: yes",
                                          "T ? 21 22\nnext: 23", "T 23\nwarm: yes"});
  CHECK(test == std::vector<std::string>{"T 21 22 23\nnext: 24", "T 24\nwarm: yes",
                                         "T 22 23 24\nnext: 25", "T 25\nwarm: yes"});
  CHECK(data.test[0].kind == TaskKind::kForecast);
  CHECK(data.test[1].slots[0].labels == std::vector<std::string>{"no", "yes"});
}

TEST_CASE("prepare takes some tasks and devices, and every n-th example") {
  const test::TempDir in, out;
  std::string rows = "t\n";
  for (int i = 0; i < 80; ++i) rows += std::to_string(i) + "\n";
  write_file_atomically(in / "room1.csv", rows);
  write_file_atomically(in / "room2.csv", rows);
  RecipeConfig recipe = room_recipe();
  recipe.max_train = 6;
  recipe.max_test = 4;
  PrepareOptions options;
  options.tasks = {"warm"};
  options.devices = {"room2"};
  CHECK(prepare(recipe, in.path(), out.path(), options).devices.size() == 1);
  const DeviceData data = load_device_data(out / "room2");
  CHECK(data.train.size() == 6);
  REQUIRE(data.test.size() == 4);
  CHECK(data.train[1].prompt == "T 10\nwarm:");
  CHECK(data.test[3].prompt == "T 75\nwarm:");
}

TEST_CASE("prepare joins columns row by row") {
  const test::TempDir in, out;
  write_file_atomically(in / "room1.csv", "t\n1\n2\n3\n4\n");
  write_file_atomically(in / "weather.csv", "out\n5\n6\n7\n8\n");
  RecipeConfig recipe = room_recipe();
  recipe.join = {"weather.csv"};
  recipe.values[1].columns = {"t", "out"};
  recipe.tasks.erase(recipe.tasks.begin());
  prepare(recipe, in.path(), out.path());
  CHECK(load_device_data(out / "room1").train[1].prompt == "T 2 6\nwarm:");
  write_file_atomically(in / "weather.csv", "out\n5\n");
  CHECK(problem_of(recipe, in.path()).find("expected 4 rows") != std::string::npos);
}

TEST_CASE("prepare says what does not fit") {
  const test::TempDir in;
  CHECK(problem_of(room_recipe(), in.path()).find("no file matches") != std::string::npos);
  CHECK(problem_of(room_recipe(), in / "none").find("none") != std::string::npos);
  write_file_atomically(in / "room1.csv", "temp\n18\n");
  CHECK(problem_of(room_recipe(), in.path()).find("no column 't'") != std::string::npos);
  PrepareOptions options;
  options.tasks = {"cold"};
  CHECK(problem_of(room_recipe(), in.path(), options) == "recipe 'room' has no task 'cold'");
  options = {};
  options.devices = {"room9"};
  CHECK(problem_of(room_recipe(), in.path(), options).find("no file of device 'room9'") !=
        std::string::npos);
  RecipeConfig recipe = room_recipe();
  recipe.values[2].bins.clear();
  recipe.values[2].bin_names.clear();
  recipe.values[2].map = {{"18", "no"}};
  write_file_atomically(in / "room1.csv", "t\n18\n19\n18\n18\n18\n18\n");
  CHECK(problem_of(recipe, in.path()).find("room1.csv:3: value 'warm': '19' is none of its labels") !=
        std::string::npos);
}

TEST_CASE("a wrong recipe is refused with every problem at once") {
  RecipeConfig recipe = room_recipe();
  CHECK(validate(recipe).empty());
  recipe.values[0].statistic = "median";
  recipe.values[1].name = "now";
  recipe.tasks[0].prompt = "T {tmps} ";
  recipe.tasks[1].slots[0].value = "hot";
  recipe.split.rule = "last_groups";
  recipe.masks = {{"(", "", false}};
  const std::vector<std::string> problems = validate(recipe);
  const auto mentions = [&](const std::string& part) {
    for (const std::string& problem : problems)
      if (problem.find(part) != std::string::npos) return true;
    return false;
  };
  CHECK(mentions("values 'now'.statistic must be one of all, first"));
  CHECK(mentions("two are named 'now'"));
  CHECK(mentions("no value is named 'tmps'"));
  CHECK(mentions("does not end in a space"));
  CHECK(mentions("no value is named 'hot'"));
  CHECK(mentions("split.key"));
  CHECK(mentions("not a regular expression"));
}
