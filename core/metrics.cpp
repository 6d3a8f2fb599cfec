#include "core/metrics.h"

#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/error.h"
#include "core/files.h"

namespace fennec {

namespace {

/// A crash in the middle of a write leaves half a line; readers want whole ones.
void cut_torn_line(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return;
  const std::string text = read_text_file(file);
  if (text.empty() || text.back() == '\n') return;
  const std::size_t end = text.rfind('\n');
  std::error_code error;
  std::filesystem::resize_file(file, end == std::string::npos ? 0 : end + 1, error);
  if (error) throw IoError(file.string() + ": cannot cut the torn last line: " + error.message());
}

}  // namespace

MetricsWriter::MetricsWriter(const std::filesystem::path& file) {
  cut_torn_line(file);
  file_ = std::fopen(file.c_str(), "ab");
  if (file_ == nullptr)
    throw IoError(file.string() + ": cannot be opened: " + std::generic_category().message(errno));
}

MetricsWriter::~MetricsWriter() { std::fclose(file_); }

void MetricsWriter::write(const MetricFields& fields) {
  nlohmann::ordered_json line = nlohmann::ordered_json::object();
  for (const auto& field : fields)
    std::visit([&](const auto& value) { line[field.first] = value; }, field.second);
  const std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (std::fwrite(text.data(), 1, text.size(), file_) != text.size() || std::fflush(file_) != 0)
    throw IoError("metrics: write failed: " + std::generic_category().message(errno));
}

}  // namespace fennec
