#pragma once
#include <span>

#include "core/error.h"
#include "core/parameter_set.h"

namespace fennec {

struct ClipReport {
  double norm = 0;    ///< L2 norm before clipping
  double factor = 1;  ///< what the delta was multiplied by; 1 = untouched
};

/// Scales a client's delta so that its L2 norm is at most `clip_norm` (Δ ← Δ·min(1, C/‖Δ‖); McMahan et
/// al., arXiv 1710.06963). The bound holds for the stored floats, not just on paper. `clip_norm` 0 =
/// off: only measured. kNumeric when the delta is not finite; it is then unchanged.
Result<ClipReport> clip_l2(std::span<float> delta, double clip_norm);
inline Result<ClipReport> clip_l2(ParameterSet& delta, double clip_norm) {
  return clip_l2(delta.values(), clip_norm);
}

}  // namespace fennec
