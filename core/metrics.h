#pragma once
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace fennec {

using MetricValue = std::variant<std::int64_t, double, std::string>;
using MetricFields = std::vector<std::pair<const char*, MetricValue>>;

/// Appends one JSON object a line to metrics.jsonl and flushes it; a torn last line of an earlier run
/// is cut off. Not thread-safe.
class MetricsWriter {
 public:
  explicit MetricsWriter(const std::filesystem::path& file);  ///< throws IoError
  ~MetricsWriter();
  MetricsWriter(const MetricsWriter&) = delete;
  MetricsWriter& operator=(const MetricsWriter&) = delete;
  void write(const MetricFields& fields);

 private:
  std::FILE* file_;
};

}  // namespace fennec
