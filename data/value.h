#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/recipe.h"
#include "data/table.h"

namespace fennec {

/// Rows [begin, end) of a table.
struct RowSpan {
  std::size_t begin = 0, end = 0;
};

/// Text that stands for an unknown quantity. An answer is never unknown: such examples are dropped.
inline constexpr std::string_view kUnknown = "?";

/// Writes the values of a recipe as text. Borrows all it is given, which must outlive it. Not
/// thread-safe.
class ValueWriter {
 public:
  ValueWriter(const std::vector<ValueConfig>& values, const std::vector<std::string>& missing,
              const Table& table, std::string device_id);

  /// Template with each {name} (and {device}) filled in from the rows.
  std::string fill(std::string_view pattern, RowSpan rows) const;

  /// One value. Throws IoError "file:line: column 'x': expected a number", or naming a column that is
  /// not there.
  std::string write(const std::string& name, RowSpan rows) const;

 private:
  using Number = std::optional<double>;  ///< nullopt: missing
  std::string write_lines(const ValueConfig& value, RowSpan rows) const;
  std::string write_text(const ValueConfig& value, RowSpan rows) const;
  std::string write_numbers(const ValueConfig& value, RowSpan rows) const;
  std::vector<Number> series(const std::string& column, RowSpan rows) const;
  std::vector<std::vector<Number>> combined(const ValueConfig& value, RowSpan rows) const;
  bool is_missing(const std::string& cell) const;

  std::map<std::string, const ValueConfig*, std::less<>> values_;
  const std::vector<std::string>& missing_;
  const Table& table_;
  std::string device_id_;
};

/// Names between braces, in order of appearance; an unclosed brace is part of the text.
std::vector<std::string> placeholders(std::string_view pattern);

/// Every text the value's bins or map can give, first mentioned first.
std::vector<std::string> value_labels(const ValueConfig& value);

}  // namespace fennec
