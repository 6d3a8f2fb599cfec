#pragma once
#include <string>

#include "core/error.h"
#include "core/parameter_set.h"
#include "transport/messages.h"

namespace fennec {

/// What clients' messages are checked against before they reach the round engine.
struct AdmissionRules {
  std::string run_id;
  std::string base_digest;
  std::string codec;  ///< the run's
  LayoutPtr layout;
  std::int64_t max_update_bytes = 0;
};

/// kVersion, or kMismatch naming the run or base model that differs.
Result<void> check_hello(const AdmissionRules& rules, const Hello& hello);

/// Before any byte of it is fetched: kMismatch (codec, layout), kMalformed (size beyond
/// transport.max_update_bytes or what the layout can need, digest, weights).
Result<void> check_offer(const AdmissionRules& rules, const UpdateOffer& offer);

/// kMalformed when its sums do not parse or are not finite.
Result<void> check_report(const EvaluationReport& report);

}  // namespace fennec
