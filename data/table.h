#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fennec {

/// Sensor records as read: text cells, typed only when a value asks for numbers.
struct Table {
  std::string source;  ///< file name, for messages
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  ///< [row][column]; a JSON array is its text "[1,2]"
  std::vector<std::size_t> lines;              ///< line of each row in `source`

  /// Index of a column; throws IoError naming the file and the closest column.
  std::size_t column(const std::string& name) const;
  std::string where(std::size_t row) const;  ///< "file:line"
};

/// A finite decimal number, the whole of `text`; nothing else.
std::optional<double> to_number(std::string_view text);

}  // namespace fennec
