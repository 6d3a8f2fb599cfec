#include "core/error.h"

#include <cstdio>
#include <cstdlib>

namespace fennec {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kDisconnected:
      return "disconnected";
    case ErrorCode::kMalformed:
      return "malformed";
    case ErrorCode::kVersion:
      return "version";
    case ErrorCode::kNotAdmitted:
      return "not-admitted";
    case ErrorCode::kStale:
      return "stale";
    case ErrorCode::kDuplicate:
      return "duplicate";
    case ErrorCode::kNumeric:
      return "numeric";
    case ErrorCode::kBudget:
      return "budget";
    case ErrorCode::kMismatch:
      return "mismatch";
    case ErrorCode::kNotFound:
      return "not-found";
  }
  return "unknown";
}

void check_failed(const char* condition, const char* file, int line, const char* function,
                  const std::string& detail) {
  std::fprintf(stderr, "%s:%d: %s: this must hold and does not: %s%s%s\n", file, line, function,
               condition, detail.empty() ? "" : ": ", detail.c_str());
  std::abort();
}

}  // namespace fennec
