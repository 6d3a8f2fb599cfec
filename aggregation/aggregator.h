#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aggregation/aggregation_config.h"
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
};

/// Many updates become one, for one round. accept() in ascending client id gives the same bits however
/// the updates arrived; the caller (coordinator/commit.h) keeps that order. Not thread-safe.
class Aggregator {
 public:
  virtual ~Aggregator() = default;
  virtual void begin(const LayoutPtr& layout, RoundId round) = 0;
  /// kMismatch when the layout differs, kNumeric when not finite, kMalformed when the weight is not
  /// positive; the aggregate is then unchanged.
  virtual Result<void> accept(const Contribution& contribution) = 0;
  /// The combined delta. At least one contribution has been accepted. Consumes the round.
  virtual ParameterSet finish() = 0;
};

/// The aggregated delta moves the global adapter (Reddi et al., arXiv 2003.00295). State lives in
/// ParameterSets.
class ServerOptimizer {
 public:
  virtual ~ServerOptimizer() = default;
  virtual void step(ParameterSet& adapter, const ParameterSet& delta) = 0;
  virtual std::vector<const ParameterSet*> state() const = 0;  ///< moments, to persist with the commit
  virtual Result<void> restore(std::vector<ParameterSet> state) = 0;  ///< kMismatch
};

std::unique_ptr<Aggregator> make_aggregator(const AggregationConfig& config);  ///< throws ConfigError
std::unique_ptr<ServerOptimizer> make_server_optimizer(
    const AggregationConfig& config);  ///< throws ConfigError
const std::vector<std::string>& aggregator_names();
const std::vector<std::string>& server_optimizer_names();

}  // namespace fennec
