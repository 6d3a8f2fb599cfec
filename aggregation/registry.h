#pragma once
#include "aggregation/aggregator.h"
#include "aggregation/codec.h"

// The only lists of strategies, server optimizers and codecs. To add one: write aggregation/<name>.cpp
// (a codec: aggregation/codec/<name>.cpp) with its make_<name>(), name it here and in CMakeLists.txt.
#define FENNEC_AGGREGATORS(X) X(fedavg)
#define FENNEC_SERVER_OPTIMIZERS(X) X(sgd) X(fedavgm)
#define FENNEC_CODECS(X) X(fp32)

namespace fennec {

#define FENNEC_DECLARE(name) std::unique_ptr<Aggregator> make_##name(const AggregationConfig& config);
FENNEC_AGGREGATORS(FENNEC_DECLARE)
#undef FENNEC_DECLARE
#define FENNEC_DECLARE(name) \
  std::unique_ptr<ServerOptimizer> make_##name(const AggregationConfig& config);
FENNEC_SERVER_OPTIMIZERS(FENNEC_DECLARE)
#undef FENNEC_DECLARE
#define FENNEC_DECLARE(name) std::unique_ptr<UpdateCodec> make_##name();
FENNEC_CODECS(FENNEC_DECLARE)
#undef FENNEC_DECLARE

}  // namespace fennec
