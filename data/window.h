#pragma once
#include <cstddef>
#include <vector>

#include "data/recipe.h"
#include "data/table.h"

namespace fennec {

/// A question sees rows [begin, end) and is answered by row `target`.
struct Window {
  std::size_t begin = 0, end = 0, target = 0;
};

struct WindowSets {
  std::vector<Window> train, test;  ///< in time order
};

/// Drops rows the recipe does not keep, then puts the others in time order (stable).
void order_rows(const RecipeConfig& recipe, Table& table);

/// Does the row pass every filter?
bool passes(const std::vector<FilterConfig>& filters, const Table& table, std::size_t row);

/// Rows that belong to the test part. Groups are ordered by number if all are numbers, else by text.
std::vector<bool> test_rows(const SplitConfig& split, const Table& table);

/// Windows of a task that stay inside one group. A training window touches no test row, target
/// included; a test window's target is a test row, its past may reach back into training rows, as a
/// device in use would see them.
WindowSets cut_windows(const RecipeConfig& recipe, const TaskConfig& task, const Table& table);

}  // namespace fennec
