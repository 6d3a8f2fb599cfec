#include "core/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>
#include <vector>

#include "core/error.h"

namespace fennec::log {

namespace {

constexpr const char* kPattern = "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v";

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

/// The process's one log. It is the exception to "no globals": a line of text has no owner to pass it
/// to.
spdlog::logger& logger() {
  static spdlog::logger instance = [] {
    spdlog::logger made("fennec", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made.set_pattern(kPattern, spdlog::pattern_time_type::utc);
    made.set_level(spdlog::level::info);
    made.flush_on(spdlog::level::debug);
    return made;
  }();
  return instance;
}

}  // namespace

void configure(Level threshold, const std::string& file) {
  if (!file.empty()) {
    try {
      logger().sinks().push_back(std::make_shared<spdlog::sinks::basic_file_sink_mt>(file));
    } catch (const spdlog::spdlog_ex& e) {
      throw IoError(file + ": cannot open the log file: " + e.what());
    }
    logger().set_pattern(kPattern, spdlog::pattern_time_type::utc);
  }
  logger().set_level(to_spdlog(threshold));
}

void write(Level level, const std::string& message) {
  logger().log(to_spdlog(level), spdlog::string_view_t(message));
}

bool enabled(Level level) { return logger().should_log(to_spdlog(level)); }

}  // namespace fennec::log
