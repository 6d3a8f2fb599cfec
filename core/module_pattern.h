#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "core/error.h"

namespace fennec {

/// A regular expression over module paths, as adapter_config.json holds them: matches a whole path.
/// Backtracking is bounded, so that a pattern from elsewhere cannot stall the program. Any thread.
class ModulePattern {
 public:
  /// kMalformed, naming the pattern: no regular expression, or longer than 4096 bytes.
  static Result<ModulePattern> compile(const std::string& pattern);
  /// False too when the bound on backtracking is reached.
  bool matches(std::string_view module) const;

 private:
  struct Free {
    void operator()(void* code) const;
  };
  explicit ModulePattern(void* code) : code_(code) {}
  std::unique_ptr<void, Free> code_;
};

}  // namespace fennec
