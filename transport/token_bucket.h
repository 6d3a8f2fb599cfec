#pragma once
#include <algorithm>

#include "core/clock.h"

namespace fennec {

/// How many messages one peer may still send: refilled at a rate up to one burst, and paid extra for
/// what was asked of it. Sans-IO; one thread.
class TokenBucket {
 public:
  /// @param per_second  refill, > 0  @param burst  most tokens the refill reaches, ≥ 1
  TokenBucket(double per_second, double burst, TimePoint now)
      : per_second_(per_second), burst_(burst), tokens_(burst), filled_at_(now) {}

  /// Takes one token; false when there is none.
  bool take(TimePoint now) {
    refill(now);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }
  /// Tokens beyond the rate, for messages that were asked for. They never expire.
  void grant(double tokens, TimePoint now) {
    refill(now);
    tokens_ += tokens;
  }

 private:
  void refill(TimePoint now) {
    const double earned = per_second_ * to_seconds(now - filled_at_);
    if (tokens_ < burst_) tokens_ = std::min(burst_, tokens_ + earned);
    filled_at_ = now;
  }

  double per_second_, burst_, tokens_;
  TimePoint filled_at_;
};

}  // namespace fennec
