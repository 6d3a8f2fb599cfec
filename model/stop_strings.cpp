#include "model/stop_strings.h"

#include <algorithm>
#include <utility>

namespace fennec {

StopStrings::StopStrings(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase(stops_, "");
}

/// Length of the longest end of the held text that begins a stop string.
std::size_t StopStrings::held_back() const {
  std::size_t longest = 0;
  for (const std::string& stop : stops_)
    for (std::size_t n = std::min(held_.size(), stop.size() - 1); n > longest; --n)
      if (held_.compare(held_.size() - n, n, stop, 0, n) == 0) longest = n;
  return longest;
}

std::string StopStrings::add(std::string_view piece) {
  if (stopped_) return {};
  held_ += piece;
  std::size_t end = std::string::npos, begin = 0;
  for (const std::string& stop : stops_) {
    const std::size_t at = held_.find(stop);
    if (at == std::string::npos) continue;
    const std::size_t stop_end = at + stop.size();
    if (end != std::string::npos && (stop_end > end || (stop_end == end && at > begin))) continue;
    end = stop_end;
    begin = at;
  }
  stopped_ = end != std::string::npos;
  const std::size_t certain = stopped_ ? begin : held_.size() - held_back();
  std::string out = held_.substr(0, certain);
  held_ = stopped_ ? "" : held_.substr(certain);
  return out;
}

std::string StopStrings::finish() { return std::exchange(held_, {}); }

}  // namespace fennec
