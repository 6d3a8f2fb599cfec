#pragma once
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/parameter_set.h"
#include "core/rng.h"

namespace fennec {

/// What the draws of an encoding come from.
struct EncodeSeeds {
  Seed own{0};     ///< this client's: stochastic rounding
  Seed shared{0};  ///< the round's, the same for the whole cohort: which elements randomk sends
};

/// ParameterSet ⇄ bytes. Self-describing: the first bytes name codec and layout, so a mismatch is an
/// error, not noise. Stateless and thread-safe; what a lossy codec leaves out is kept by its caller
/// (encode_with_feedback).
class UpdateCodec {
 public:
  virtual ~UpdateCodec() = default;
  virtual std::string_view name() const = 0;  ///< as it was asked for
  virtual std::vector<std::byte> encode(const ParameterSet& delta,
                                        const EncodeSeeds& seeds = {}) const = 0;
  /// kMalformed (truncated, oversized), kMismatch (other layout), kNumeric (NaN or Inf). Allocates
  /// nothing that the layout does not bound.
  virtual Result<ParameterSet> decode(std::span<const std::byte> bytes,
                                      const LayoutPtr& layout) const = 0;
  virtual bool keeps_error() const = 0;  ///< what it leaves out is to be sent later
};

/// Stages joined by "+": topk(0.05)+int8+zstd (docs/aggregation.md). Throws ConfigError listing the
/// registered stages.
std::unique_ptr<UpdateCodec> make_codec(std::string_view spec);
/// A codec of each registered stage, and some compositions: what tests and fuzzers run over.
const std::vector<std::string>& codec_names();

/// Error feedback (Stich et al., arXiv 1809.07599): encodes delta + error, and leaves in `error` what
/// the encoding lost. `error` may be empty at first; it is not touched when the codec keeps none. What
/// the receiver decodes has at most `max_norm` (L2), which rounding alone could exceed.
/// @param delta  finite
std::vector<std::byte> encode_with_feedback(const UpdateCodec& codec, const ParameterSet& delta,
                                            ParameterSet& error, const EncodeSeeds& seeds,
                                            double max_norm = std::numeric_limits<double>::infinity());

}  // namespace fennec
