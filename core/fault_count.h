#pragma once
#include <cstdint>

namespace fennec {

/// Counts the faults of one peer and says which deserve a log line: the first 16, so that each kind of
/// trouble is seen, then the 32nd, 64th, 128th … A hostile peer does not fill the disk.
class FaultCount {
 public:
  /// Counts one more. @return whether it deserves a line
  bool next() {
    ++count_;
    return count_ <= kFirst || (count_ & (count_ - 1)) == 0;
  }
  std::uint64_t value() const { return count_; }

 private:
  static constexpr std::uint64_t kFirst = 16;
  std::uint64_t count_ = 0;
};

}  // namespace fennec
