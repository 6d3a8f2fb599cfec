#pragma once
#include <filesystem>

#include "data/table.h"

namespace fennec {

/// Reads .csv or .jsonl, plain or .gz. CSV: a header line, RFC 4180 quotes (no line break inside a
/// cell). JSONL: objects of scalars or arrays of numbers; the first object names the columns. Throws
/// IoError file:line.
Table read_table(const std::filesystem::path& file);

}  // namespace fennec
