#include "data/reader.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"

namespace fennec {
namespace {

/// The cells of one CSV line; a cell in quotes may hold commas and doubled quotes.
std::vector<std::string> split_csv(std::string_view line, const std::string& where) {
  std::vector<std::string> cells(1);
  std::size_t i = 0;
  while (i < line.size()) {
    if (line[i] == ',') {
      cells.emplace_back();
      ++i;
    } else if (line[i] == '"' && cells.back().empty()) {
      for (++i;; ++i) {
        if (i >= line.size()) throw IoError(where + ": a quoted cell does not end on its line");
        if (line[i] != '"') {
          cells.back() += line[i];
        } else if (i + 1 < line.size() && line[i + 1] == '"') {
          cells.back() += line[++i];
        } else {
          break;
        }
      }
      ++i;
    } else {
      cells.back() += line[i++];
    }
  }
  return cells;
}

void add_csv_line(Table& table, std::string_view line, const std::string& where) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (line.empty()) return;
  std::vector<std::string> cells = split_csv(line, where);
  if (table.columns.empty()) {
    table.columns = std::move(cells);
    return;
  }
  if (cells.size() != table.columns.size())
    throw IoError(where + ": expected " + std::to_string(table.columns.size()) + " cells, has " +
                  std::to_string(cells.size()));
  table.rows.push_back(std::move(cells));
}

std::string cell_text(const nlohmann::ordered_json& value, const std::string& where,
                      const std::string& column) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object())
    throw IoError(where + ": " + column + ": expected a scalar or a list of numbers");
  return value.dump();
}

void add_json_line(Table& table, std::string_view line, const std::string& where) {
  if (line.empty()) return;
  const auto object = nlohmann::ordered_json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) throw IoError(where + ": expected one JSON object in valid UTF-8");
  if (table.columns.empty())
    for (const auto& item : object.items()) table.columns.push_back(item.key());
  std::vector<std::string> cells;
  for (const std::string& column : table.columns) {
    const auto it = object.find(column);
    cells.push_back(it == object.end() ? "" : cell_text(*it, where, column));
  }
  table.rows.push_back(std::move(cells));
}

}  // namespace

Table read_table(const std::filesystem::path& file) {
  const std::filesystem::path plain = file.extension() == ".gz" ? file.stem() : file.filename();
  const bool csv = plain.extension() == ".csv";
  if (!csv && plain.extension() != ".jsonl")
    throw IoError(file.string() + ": expected a name ending in .csv, .csv.gz, .jsonl or .jsonl.gz");
  Table table;
  table.source = file.string();
  for_each_line(file, [&](std::size_t number, std::string_view line) {
    (csv ? add_csv_line : add_json_line)(table, line, table.source + ":" + std::to_string(number));
    if (table.rows.size() > table.lines.size()) table.lines.push_back(number);
  });
  if (table.rows.empty()) throw IoError(file.string() + ": has no records");
  return table;
}

}  // namespace fennec
