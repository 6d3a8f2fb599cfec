#pragma once
#include <chrono>
#include <string>

namespace fennec {

/// Time since an arbitrary start; wall clocks never decide protocol questions.
using TimePoint = std::chrono::nanoseconds;
using Duration = std::chrono::nanoseconds;

/// The only source of time. The simulator passes a virtual one.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
};

/// CLOCK_MONOTONIC. Any thread.
class SteadyClock final : public Clock {
 public:
  TimePoint now() const override;
};

/// Moves only when told. Not thread-safe.
class ManualClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  void advance_to(TimePoint t) { now_ = t > now_ ? t : now_; }

 private:
  TimePoint now_{0};
};

inline Duration from_seconds(double s) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s));
}
inline double to_seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

/// UTC wall time for log lines and reports only, ISO 8601 with seconds ("2026-01-31T12:00:00Z").
std::string wall_time_iso8601();

}  // namespace fennec
