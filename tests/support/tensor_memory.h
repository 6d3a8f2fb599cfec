#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

namespace fennec::test {

/// Counts the bytes of CPU tensors that this thread allocates and frees while the object lives.
class TensorMemory {
 public:
  std::int64_t live() const { return counter_->live; }
  std::int64_t peak() const { return counter_->peak; }
  void reset_peak() { counter_->peak = counter_->live; }

 private:
  using Base = c10::MemoryReportingInfoBase;
  // LibTorch 2 changed the type of the totals.
  template <class Total>
  static Total type_of_total(void (Base::*)(void*, std::int64_t, Total, Total, c10::Device));
  using Total = decltype(type_of_total(&Base::reportMemoryUsage));

  struct Counter final : Base {
    void reportMemoryUsage(void*, std::int64_t size, Total, Total, c10::Device) override {
      live += size;
      peak = std::max(peak, live);
    }
    bool memoryProfilingEnabled() const override { return true; }
    std::int64_t live = 0, peak = 0;
  };

  std::shared_ptr<Counter> counter_ = std::make_shared<Counter>();
  c10::DebugInfoGuard guard_{c10::DebugInfoKind::PROFILER_STATE, counter_};
};

}  // namespace fennec::test
