#pragma once
#include <algorithm>

#include "core/clock.h"

namespace fennec {

/// Time during which a link could have heard its peers. A process that was stopped, swapped out or
/// starved must not take its own absence for their silence: between two ticks no more passes than a
/// late tick explains. Sans-IO; one thread.
class ListeningTime {
 public:
  explicit ListeningTime(TimePoint now) : ticked_at_(now) {}

  /// The link's timer fired, `longest` being the most that counts until the next tick.
  void tick(TimePoint now, Duration longest) {
    passed_ = at(now);
    ticked_at_ = now;
    longest_ = longest;
  }
  /// Listening time at `now`, which does not precede the last tick. Never decreases.
  TimePoint at(TimePoint now) const { return passed_ + std::min(now - ticked_at_, longest_); }

 private:
  TimePoint passed_{0}, ticked_at_;
  Duration longest_ = from_seconds(2);
};

}  // namespace fennec
