#include "data/value.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "data/statistic.h"

namespace fennec {
namespace {

/// Days of the week from 0 = Monday.
double weekday(double year, double month, double day) {
  namespace ch = std::chrono;
  const ch::year_month_day date{ch::year{static_cast<int>(year)},
                                ch::month{static_cast<unsigned>(month)},
                                ch::day{static_cast<unsigned>(day)}};
  return static_cast<double>(ch::weekday{ch::sys_days{date}}.iso_encoding() - 1);
}

/// The rows a value looks at: [from, to) inside the window, negative from its end.
RowSpan narrowed(const ValueConfig& value, RowSpan rows) {
  const auto size = static_cast<long>(rows.end - rows.begin);
  const auto place = [&](std::size_t i, long fallback) {
    if (i >= value.rows.size()) return fallback;
    const long index = value.rows[i] < 0 ? size + value.rows[i] : value.rows[i];
    return std::clamp(index, 0L, size);
  };
  const long from = place(0, 0), to = std::max(from, place(1, size));
  return {rows.begin + static_cast<std::size_t>(from), rows.begin + static_cast<std::size_t>(to)};
}

std::string joined(const std::vector<std::string>& parts, const char* between) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) text += (i == 0 ? "" : between) + parts[i];
  return text;
}

/// Calls text(piece) for what stands outside braces and name(piece) for what stands inside.
template <class Text, class Name>
void walk(std::string_view pattern, const Text& text, const Name& name) {
  while (!pattern.empty()) {
    const std::size_t open = pattern.find('{');
    const std::size_t close = open == std::string_view::npos ? open : pattern.find('}', open);
    if (close == std::string_view::npos) return text(pattern);
    text(pattern.substr(0, open));
    name(std::string(pattern.substr(open + 1, close - open - 1)));
    pattern.remove_prefix(close + 1);
  }
}

}  // namespace

ValueWriter::ValueWriter(const std::vector<ValueConfig>& values,
                         const std::vector<std::string>& missing, const Table& table,
                         std::string device_id)
    : missing_(missing), table_(table), device_id_(std::move(device_id)) {
  for (const ValueConfig& value : values) values_[value.name] = &value;
}

std::string ValueWriter::fill(std::string_view pattern, RowSpan rows) const {
  std::string out;
  walk(
      pattern, [&](std::string_view text) { out += text; },
      [&](const std::string& name) { out += write(name, rows); });
  return out;
}

std::string ValueWriter::write(const std::string& name, RowSpan rows) const {
  if (name == "device") return device_id_;
  const auto it = values_.find(name);
  FENNEC_CHECK(it != values_.end(), "value '" + name + "' passed validation");
  const ValueConfig& value = *it->second;
  const RowSpan seen = narrowed(value, rows);
  if (!value.lines.empty()) return write_lines(value, seen);
  return value.text ? write_text(value, seen) : write_numbers(value, seen);
}

std::string ValueWriter::write_lines(const ValueConfig& value, RowSpan rows) const {
  std::vector<std::string> lines;
  for (std::size_t row = rows.begin; row < rows.end; ++row)
    lines.push_back(fill(value.lines, {row, row + 1}));
  return joined(lines, "\n");
}

std::string ValueWriter::write_text(const ValueConfig& value, RowSpan rows) const {
  std::vector<std::string> parts;
  if (value.statistic == "first") rows.end = std::min(rows.end, rows.begin + 1);
  if (value.statistic == "last") rows.begin = rows.end > rows.begin ? rows.end - 1 : rows.begin;
  for (std::size_t row = rows.begin; row < rows.end; row += static_cast<std::size_t>(value.every)) {
    std::vector<std::string> cells;
    for (const std::string& column : value.columns) {
      const std::string& cell = table_.rows[row][table_.column(column)];
      cells.push_back(is_missing(cell) ? value.missing : cell);
    }
    parts.push_back(mapped(value, joined(cells, " ")));
  }
  return parts.empty() ? value.missing : joined(parts, " ");
}

std::string ValueWriter::write_numbers(const ValueConfig& value, RowSpan rows) const {
  std::vector<std::string> parts;
  for (const auto& series : combined(value, rows)) {
    std::vector<Number> numbers;
    const std::size_t cuts = value.phases.empty() ? 1 : value.phases.size() - 1;
    for (std::size_t i = 0; i < cuts; ++i) {
      const auto border = [&](std::size_t k) {
        return std::min(series.size(), static_cast<std::size_t>(value.phases[k]));
      };
      const std::size_t from = value.phases.empty() ? 0 : border(i);
      const std::size_t to = value.phases.empty() ? series.size() : border(i + 1);
      const auto part = take_statistic(value.statistic, std::span(series).subspan(from, to - from));
      numbers.insert(numbers.end(), part.begin(), part.end());
    }
    for (std::size_t i = 0; i < numbers.size(); i += static_cast<std::size_t>(value.every))
      parts.push_back(numbers[i] ? format_number(value, *numbers[i]) : value.missing);
  }
  return parts.empty() ? value.missing : joined(parts, " ");
}

bool ValueWriter::is_missing(const std::string& cell) const {
  return std::find(missing_.begin(), missing_.end(), cell) != missing_.end();
}

std::vector<ValueWriter::Number> ValueWriter::series(const std::string& column, RowSpan rows) const {
  const std::size_t index = table_.column(column);
  std::vector<Number> out;
  for (std::size_t row = rows.begin; row < rows.end; ++row) {
    const std::string& cell = table_.rows[row][index];
    if (is_missing(cell)) {
      out.emplace_back();
    } else if (cell[0] == '[') {
      const auto list = nlohmann::json::parse(cell, nullptr, /*allow_exceptions=*/false);
      for (const auto& item : list) {
        if (!item.is_number() && !item.is_null())
          throw IoError(table_.where(row) + ": column '" + column + "': expected a list of numbers");
        out.push_back(item.is_null() ? Number{} : Number{item.get<double>()});
      }
    } else if (const Number number = to_number(cell)) {
      out.push_back(number);
    } else {
      throw IoError(table_.where(row) + ": column '" + column + "': expected a number, is '" + cell +
                    "'");
    }
  }
  return out;
}

std::vector<std::vector<ValueWriter::Number>> ValueWriter::combined(const ValueConfig& value,
                                                                    RowSpan rows) const {
  std::vector<std::vector<Number>> columns;
  for (const std::string& column : value.columns) columns.push_back(series(column, rows));
  if (value.combine.empty()) return columns;
  std::vector<Number> out;
  for (std::size_t i = 0; i < columns[0].size(); ++i) {
    std::vector<double> at;
    for (const auto& column : columns)
      if (i < column.size() && column[i]) at.push_back(*column[i]);
    if (at.size() < columns.size()) {
      out.emplace_back();
    } else if (value.combine == "weekday") {
      out.emplace_back(weekday(at[0], at[1], at[2]));
    } else {
      double squares = 0;
      for (const double x : at) squares += x * x;
      out.emplace_back(std::sqrt(squares));
    }
  }
  return {out};
}

std::vector<std::string> placeholders(std::string_view pattern) {
  std::vector<std::string> names;
  walk(
      pattern, [](std::string_view) {}, [&](const std::string& name) { names.push_back(name); });
  return names;
}

std::vector<std::string> value_labels(const ValueConfig& value) {
  std::vector<std::string> labels;
  const auto add = [&](const std::string& label) {
    if (std::find(labels.begin(), labels.end(), label) == labels.end()) labels.push_back(label);
  };
  for (const std::string& name : value.bin_names) add(mapped(value, name));
  if (value.bin_names.empty())
    for (const auto& entry : value.map) add(entry.second);
  return labels;
}

}  // namespace fennec
