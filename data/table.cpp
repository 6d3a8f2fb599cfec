#include "data/table.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/error.h"
#include "core/params.h"

namespace fennec {

std::size_t Table::column(const std::string& name) const {
  const auto it = std::find(columns.begin(), columns.end(), name);
  if (it != columns.end()) return static_cast<std::size_t>(it - columns.begin());
  const std::string close = closest_name(name, columns);
  throw IoError(source + ": no column '" + name + "'" +
                (close.empty() ? "" : "; did you mean '" + close + "'?"));
}

std::string Table::where(std::size_t row) const { return source + ":" + std::to_string(lines[row]); }

std::optional<double> to_number(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace fennec
