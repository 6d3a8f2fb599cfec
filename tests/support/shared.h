#pragma once
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

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

/// The golden checkpoints, by name.
inline std::vector<std::filesystem::path> golden_checkpoints() {
  std::vector<std::filesystem::path> dirs;
  for (const auto& entry : std::filesystem::directory_iterator(shared("golden")))
    if (std::filesystem::exists(entry.path() / "config.json")) dirs.push_back(entry.path());
  std::sort(dirs.begin(), dirs.end());
  return dirs;
}

}  // namespace fennec::test

/// First line of a test that reads reference material.
#define FENNEC_NEEDS_SHARED(relative) \
  if (!::fennec::test::has_shared(relative)) return
