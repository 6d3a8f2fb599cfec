#pragma once
#include <cstddef>
#include <memory>
#include <span>

#include "aggregation/codec.h"
#include "aggregation/strategy_config.h"
#include "configs/experiment.h"
#include "coordinator/commit.h"

namespace fennec {

/// How versions go down to clients: whole, and with aggregation.downlink also as the encoded step from
/// the version before. The decoded step is then what the version is made of, so that a client that
/// adds it to its own has the version to the last bit. After an absorption there is no step: everything
/// changes. Stateless.
class Downlink {
 public:
  explicit Downlink(const Experiment& experiment);

  /// Absorbs, when the round is one after which the strategy does, and the moments of `optimizer` go
  /// with the adapter they are of. Else encode().
  void finish(Commit& commit, const ParameterSet& base, ServerOptimizer& optimizer) const;
  /// Rounds the commit's adapter to `base` + the decoded step, and puts the encoded step into it. A
  /// step that its codec cannot hold is left as it is: that version goes down whole.
  void encode(Commit& commit, const ParameterSet& base) const;

 private:
  AggregationConfig aggregation_;
  Seed seed_, fresh_;
  std::unique_ptr<UpdateCodec> codec_;  ///< null: whole versions only
};

/// Size and digest of an encoded step; of none when there are no bytes.
StepFile step_file(std::span<const std::byte> step);

}  // namespace fennec
