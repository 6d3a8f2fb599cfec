#include "core/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace fennec {

namespace {

constexpr std::chrono::seconds kQuiet{2};
constexpr std::chrono::milliseconds kRedraw{200};
constexpr std::chrono::seconds kPlainLine{10};

}  // namespace

Progress::Progress(std::string what, std::int64_t total)
    : what_(std::move(what)),
      total_(total),
      terminal_(::isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()),
      last_(start_) {}

Progress::~Progress() { finish(); }

void Progress::advance_to(std::int64_t done, const std::string& note) {
  const auto now = std::chrono::steady_clock::now();
  if (finished_ || now - start_ < kQuiet) return;
  if (shown_ ? now - last_ < (terminal_ ? std::chrono::nanoseconds(kRedraw) : kPlainLine)
             : !terminal_ && now - start_ < kPlainLine)
    return;
  const double elapsed_s = std::chrono::duration<double>(now - start_).count();
  std::string line = fmt::format("{}: {}/{}", what_, done, total_);
  if (done > 0 && done < total_)
    line += fmt::format(", about {:.0f} s left",
                        elapsed_s / static_cast<double>(done) * static_cast<double>(total_ - done));
  if (!note.empty()) line += ", " + note;
  std::fprintf(stderr, terminal_ ? "\r%s\033[K" : "%s\n", line.c_str());
  std::fflush(stderr);
  shown_ = true;
  last_ = now;
}

void Progress::finish() {
  if (std::exchange(finished_, true) || !shown_ || !terminal_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
}

}  // namespace fennec
