#include "data/window.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/rng.h"

using namespace fennec;

namespace {

/// Random walk over group names, so that runs of equal groups have random lengths.
Table random_table(RandomStream& random, std::size_t rows) {
  Table table{"t.csv", {"t", "run", "label"}, {}, {}};
  std::uint64_t run = 0, label = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    if (random.below(9) == 0) ++run;
    if (random.below(6) == 0) label = random.below(3);
    table.rows.push_back({std::to_string(i), std::to_string(run), std::to_string(label)});
    table.lines.push_back(i + 2);
  }
  return table;
}

}  // namespace

TEST_CASE("windows: no group border inside, no test row in training, none forgotten") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    RandomStream random{Seed(seed)};
    const Table table = random_table(random, 20 + random.below(150));
    RecipeConfig recipe;
    recipe.group = {"run", "label"};
    recipe.split.rule =
        std::vector<std::string>{"last_fraction", "last_groups", "every_group"}[seed % 3];
    recipe.split.key = "run";
    recipe.split.count = 1 + static_cast<int>(random.below(3));
    TaskConfig task;
    task.window = 1 + static_cast<int>(random.below(4));
    task.horizon = static_cast<int>(random.below(3));
    task.train_stride = 1 + static_cast<int>(random.below(3));
    const std::vector<bool> is_test = test_rows(recipe.split, table);
    const WindowSets sets = cut_windows(recipe, task, table);

    std::set<std::size_t> seen;
    for (const auto* windows : {&sets.train, &sets.test})
      for (const Window& w : *windows) {
        CHECK(w.end - w.begin == static_cast<std::size_t>(task.window));
        CHECK(w.target == w.end - 1 + static_cast<std::size_t>(task.horizon));
        for (std::size_t row = w.begin; row <= w.target; ++row) {
          CHECK(table.rows[row][1] == table.rows[w.begin][1]);
          CHECK(table.rows[row][2] == table.rows[w.begin][2]);
          if (windows == &sets.train) CHECK(!is_test[row]);
        }
        if (windows == &sets.test) {
          CHECK(is_test[w.target]);
          seen.insert(w.target);
        }
      }
    // Slow and obvious: a test row is a target when the rows it needs before it are of its group.
    const std::size_t needed = static_cast<std::size_t>(task.window - 1 + task.horizon);
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
      bool possible = is_test[row] && row >= needed;
      for (std::size_t k = 1; possible && k <= needed; ++k)
        possible = table.rows[row - k][1] == table.rows[row][1] &&
                   table.rows[row - k][2] == table.rows[row][2];
      CHECK(seen.count(row) == (possible ? 1 : 0));
    }
  }
}

TEST_CASE("groups of a split are ordered by number") {
  Table table{"t.csv", {"run"}, {{"9"}, {"10"}, {"11"}, {"2"}}, {2, 3, 4, 5}};
  SplitConfig split;
  split.rule = "last_groups";
  split.key = "run";
  split.count = 2;
  CHECK(test_rows(split, table) == std::vector<bool>{false, true, true, false});
  split.rule = "every_group";
  CHECK(test_rows(split, table) == std::vector<bool>{true, false, true, false});
}

TEST_CASE("rows are filtered and put in time order, equal times as in the file") {
  Table table{"t.csv",
              {"ts", "ok", "v"},
              {{"3", "1", "a"}, {"1", "1", "b"}, {"3", "1", "c"}, {"2", "0", "d"}, {"10", "1", "e"}},
              {2, 3, 4, 5, 6}};
  RecipeConfig recipe;
  recipe.sort = "ts";
  recipe.keep = {{"ok", "1"}, {"ts", "", 1.5}};
  order_rows(recipe, table);
  REQUIRE(table.rows.size() == 3);
  CHECK(table.rows[0][2] == "a");
  CHECK(table.rows[1][2] == "c");
  CHECK(table.rows[2][2] == "e");
  CHECK(table.lines == std::vector<std::size_t>{2, 4, 6});
  table.rows[1][0] = "noon";
  recipe.keep.clear();
  CHECK_THROWS_AS(order_rows(recipe, table), IoError);
}
