// A secure aggregation frame, payload or roster that decodes encodes to the same bytes again.
#include <algorithm>

#include "core/error.h"
#include "fuzz/input.h"
#include "privacy/secagg_messages.h"

namespace {

using namespace fennec;

template <class M>
void check(std::span<const std::byte> payload) {
  const auto message = decode<M>(payload);
  if (!message) return;
  const std::vector<std::byte> again = encode(*message);
  FENNEC_CHECK(std::equal(again.begin(), again.end(), payload.begin(), payload.end()));
}

void check_payload(SecAggStep step, std::span<const std::byte> payload) {
  switch (step) {
    case SecAggStep::kOpen:
      return check<OpenMessage>(payload);
    case SecAggStep::kAdvertise:
      return check<AdvertiseMessage>(payload);
    case SecAggStep::kCohort:
      return check<CohortMessage>(payload);
    case SecAggStep::kShares:
      return check<SharesMessage>(payload);
    case SecAggStep::kForward:
      return check<ForwardMessage>(payload);
    case SecAggStep::kMasked:
      return check<MaskedMessage>(payload);
    case SecAggStep::kSurvivors:
      return check<SurvivorsMessage>(payload);
    case SecAggStep::kConsent:
      return check<ConsentMessage>(payload);
    case SecAggStep::kProof:
      return check<ProofMessage>(payload);
    case SecAggStep::kUnmask:
      return check<UnmaskMessage>(payload);
    case SecAggStep::kAbort:
      return check<AbortMessage>(payload);
  }
}

}  // namespace

/// First byte: which decoder; the rest: its input.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = fuzz::to_bytes(data + 1, size - 1);
  if (data[0] <= kLastStep) {
    check_payload(static_cast<SecAggStep>(data[0]), bytes);
    return 0;
  }
  if (const auto frame = read_frame(bytes)) {
    FENNEC_CHECK(frame->signed_part.size() + 64 + frame->tail.size() == bytes.size());
    check_payload(frame->step, frame->payload);
  }
  if (const auto roster = open_roster(bytes, PublicKey{}))
    FENNEC_CHECK(roster->entries.size() <= bytes.size());
  return 0;
}
