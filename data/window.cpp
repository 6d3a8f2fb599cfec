#include "data/window.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace fennec {
namespace {

double sort_key(const Table& table, std::size_t row, std::size_t column) {
  const auto number = to_number(table.rows[row][column]);
  if (!number)
    throw IoError(table.where(row) + ": column '" + table.columns[column] +
                  "': expected a number to sort by, is '" + table.rows[row][column] + "'");
  return *number;
}

/// Keeps the rows in `order`, in that order.
void select_rows(Table& table, const std::vector<std::size_t>& order) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::size_t> lines;
  for (const std::size_t row : order) {
    rows.push_back(std::move(table.rows[row]));
    lines.push_back(table.lines[row]);
  }
  table.rows = std::move(rows);
  table.lines = std::move(lines);
}

std::vector<std::string> ordered_groups(const Table& table, std::size_t column) {
  std::vector<std::string> names;
  for (const auto& row : table.rows) names.push_back(row[column]);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  const bool numeric = std::all_of(names.begin(), names.end(),
                                   [](const std::string& n) { return to_number(n).has_value(); });
  if (numeric)
    std::sort(names.begin(), names.end(),
              [](const std::string& a, const std::string& b) { return *to_number(a) < *to_number(b); });
  return names;
}

/// First row of each stretch in which the group columns are constant, and the end of the table.
std::vector<std::size_t> run_borders(const std::vector<std::string>& group, const Table& table) {
  std::vector<std::size_t> columns;
  for (const std::string& name : group) columns.push_back(table.column(name));
  std::vector<std::size_t> borders;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const auto differs = [&](std::size_t c) { return table.rows[row][c] != table.rows[row - 1][c]; };
    if (row == 0 || std::any_of(columns.begin(), columns.end(), differs)) borders.push_back(row);
  }
  borders.push_back(table.rows.size());
  return borders;
}

}  // namespace

void order_rows(const RecipeConfig& recipe, Table& table) {
  std::vector<std::size_t> order;
  for (std::size_t row = 0; row < table.rows.size(); ++row)
    if (passes(recipe.keep, table, row)) order.push_back(row);
  if (!recipe.sort.empty()) {
    const std::size_t column = table.column(recipe.sort);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return sort_key(table, a, column) < sort_key(table, b, column);
    });
  }
  select_rows(table, order);
}

bool passes(const std::vector<FilterConfig>& filters, const Table& table, std::size_t row) {
  return std::all_of(filters.begin(), filters.end(), [&](const FilterConfig& filter) {
    const std::string& cell = table.rows[row][table.column(filter.column)];
    if (!filter.equals.empty()) return cell == filter.equals;
    const auto number = to_number(cell);
    return number && *number >= filter.at_least;
  });
}

std::vector<bool> test_rows(const SplitConfig& split, const Table& table) {
  const std::size_t n = table.rows.size();
  std::vector<bool> is_test(n, false);
  if (split.rule == "last_fraction") {
    const auto cut = static_cast<std::size_t>(static_cast<double>(n) * (1 - split.fraction));
    std::fill(is_test.begin() + static_cast<std::ptrdiff_t>(cut), is_test.end(), true);
    return is_test;
  }
  const std::size_t column = table.column(split.key);
  const std::vector<std::string> groups = ordered_groups(table, column);
  const auto count = static_cast<std::size_t>(split.count);
  for (std::size_t row = 0; row < n; ++row) {
    const auto index = static_cast<std::size_t>(
        std::find(groups.begin(), groups.end(), table.rows[row][column]) - groups.begin());
    is_test[row] =
        split.rule == "last_groups" ? index + count >= groups.size() : index % count == count - 1;
  }
  return is_test;
}

WindowSets cut_windows(const RecipeConfig& recipe, const TaskConfig& task, const Table& table) {
  const std::vector<bool> is_test = test_rows(recipe.split, table);
  const std::vector<std::size_t> borders = run_borders(recipe.group, table);
  const auto length = static_cast<std::size_t>(task.window),
             horizon = static_cast<std::size_t>(task.horizon);
  WindowSets sets;
  for (std::size_t run = 0; run + 1 < borders.size(); ++run) {
    for (std::size_t begin = borders[run]; begin + length + horizon <= borders[run + 1]; ++begin) {
      const Window window{begin, begin + length, begin + length - 1 + horizon};
      const auto on_stride = [&](int stride) {
        return (begin - borders[run]) % static_cast<std::size_t>(stride) == 0;
      };
      const auto first = is_test.begin() + static_cast<std::ptrdiff_t>(begin);
      const auto last = is_test.begin() + static_cast<std::ptrdiff_t>(window.target) + 1;
      const bool test = is_test[window.target];
      if (!on_stride(test ? task.test_stride : task.train_stride) ||
          !passes(task.keep_target, table, window.target))
        continue;
      if (test) {
        sets.test.push_back(window);
      } else if (std::find(first, last, true) == last) {
        sets.train.push_back(window);
      }
    }
  }
  return sets;
}

}  // namespace fennec
