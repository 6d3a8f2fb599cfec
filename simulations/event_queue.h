#pragma once
#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "core/clock.h"

namespace fennec {

/// Virtual time: what is to happen, and when. Events of equal time run in the order they were
/// scheduled, so a run is a function of its inputs. One thread.
class EventQueue {
 public:
  using Event = std::function<void()>;

  const Clock& clock() const { return clock_; }
  TimePoint now() const { return clock_.now(); }

  void after(Duration delay, Event event) {
    heap_.push_back({now() + std::max(delay, Duration{0}), order_++, std::move(event)});
    std::push_heap(heap_.begin(), heap_.end(), Later{});
  }

  /// Moves time to the next event and runs it. False when there is none.
  bool run_next() {
    if (heap_.empty()) return false;
    std::pop_heap(heap_.begin(), heap_.end(), Later{});
    Scheduled next = std::move(heap_.back());
    heap_.pop_back();
    clock_.advance_to(next.at);
    next.event();
    return true;
  }

 private:
  struct Scheduled {
    TimePoint at;
    std::uint64_t order;
    Event event;
  };
  struct Later {
    bool operator()(const Scheduled& a, const Scheduled& b) const {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };
  ManualClock clock_;
  std::uint64_t order_ = 0;
  std::vector<Scheduled> heap_;
};

}  // namespace fennec
