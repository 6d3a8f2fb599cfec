#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace fennec {

/// One progress line on stderr for work over two seconds: redrawn in place on a terminal, at most one
/// plain line every ten seconds elsewhere. Not thread-safe.
class Progress {
 public:
  Progress(std::string what, std::int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void advance_to(std::int64_t done, const std::string& note = "");
  void finish();

 private:
  std::string what_;
  std::int64_t total_;
  bool terminal_, shown_ = false, finished_ = false;
  std::chrono::steady_clock::time_point start_, last_;
};

}  // namespace fennec
