#pragma once
#include <cstdio>
#include <filesystem>
#include <string>

namespace fennec::test {

/// Path below the shared reference material (CMake variable FENNEC_SHARED).
inline std::filesystem::path shared(const std::string& relative) {
  return std::filesystem::path(FENNEC_SHARED) / relative;
}

/// True when present; otherwise says so in the words ctest turns into "Skipped".
inline bool has_shared(const std::string& relative) {
  if (std::filesystem::exists(shared(relative))) return true;
  std::printf("[skipped] %s is not there (set FENNEC_SHARED)\n", shared(relative).c_str());
  return false;
}

}  // namespace fennec::test

/// First line of a test that reads reference material.
#define FENNEC_NEEDS_SHARED(relative) \
  if (!::fennec::test::has_shared(relative)) return
