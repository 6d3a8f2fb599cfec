#pragma once
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aggregation/aggregation_config.h"
#include "aggregation/strategy_config.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/parameter_set.h"

namespace fennec {

/// One client's part of a round, decoded.
struct Contribution {
  ClientId client;
  std::int64_t num_examples = 0;
  std::int64_t supervised_tokens = 0;
  std::int64_t steps = 0;
  ParameterSet delta;  ///< trained adapter − base version
  /// Loss of the base version on this client's data, nats per supervised token; NaN when not told.
  double initial_loss = std::numeric_limits<double>::quiet_NaN();
  std::int64_t staleness = 0;  ///< versions that were committed since the one it was trained from
};

/// Many updates become one, for one round. The result has the same bits in whatever order the updates
/// are accepted. Not thread-safe.
class Aggregator {
 public:
  virtual ~Aggregator() = default;
  /// @param base  what the deltas are relative to; must live until finish()
  virtual void begin(const ParameterSet& base, RoundId round) = 0;
  /// kMismatch when the layout differs, kNumeric when not finite, kMalformed when the weight is not
  /// positive; the aggregate is then unchanged.
  virtual Result<void> accept(Contribution contribution) = 0;
  /// The combined delta; consumes the round. At least one contribution has been accepted, unless
  /// releases_nothing_received(). kMalformed when the strategy needs more than came.
  virtual Result<ParameterSet> finish() = 0;
  /// Whether finish() also makes sense before any contribution: a release that hides who took part.
  virtual bool releases_nothing_received() const { return false; }
};

/// The aggregated delta moves the global adapter (Reddi et al., arXiv 2003.00295). State lives in
/// ParameterSets.
class ServerOptimizer {
 public:
  virtual ~ServerOptimizer() = default;
  /// @param half  the factors that travelled: the others, and their moments, stay as they are
  virtual void step(ParameterSet& adapter, const ParameterSet& delta, Half half = Half::kBoth) = 0;
  virtual std::vector<const ParameterSet*> state() const = 0;  ///< moments, to persist with the commit
  virtual Result<void> restore(std::vector<ParameterSet> state) = 0;  ///< kMismatch
};

/// Throws ConfigError: unknown name, or a strategy that no live run can use, with the reason.
std::unique_ptr<Aggregator> make_aggregator(const AggregationConfig& config);
std::unique_ptr<ServerOptimizer> make_server_optimizer(
    const AggregationConfig& config);                ///< throws ConfigError
const std::vector<std::string>& aggregator_names();  ///< of live runs
const std::vector<std::string>& server_optimizer_names();

}  // namespace fennec
