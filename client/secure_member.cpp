#include "client/secure_member.h"

#include <algorithm>
#include <utility>

#include "aggregation/travel.h"
#include "core/error.h"
#include "privacy/accountant.h"
#include "privacy/noised_vector.h"
#include "privacy/signing_key_text.h"

namespace fennec {

SecureMember::SecureMember(SecAggIdentity identity, const Experiment& experiment, LayoutPtr layout,
                           std::string base_digest, SecureMemory memory, Entropy& entropy,
                           std::function<std::int64_t()> now)
    : identity_(std::move(identity)),
      experiment_(experiment),
      layout_(std::move(layout)),
      base_digest_(std::move(base_digest)),
      memory_(memory),
      entropy_(entropy),
      now_(std::move(now)) {}

SecureMember::~SecureMember() { forget(); }

void SecureMember::hold(TrainedVector vector) {
  forget();
  vector_ = std::move(vector);
}

void SecureMember::forget() {
  session_.reset();
  if (vector_) wipe(std::as_writable_bytes(vector_->delta.values()));
  vector_.reset();
}

SecAggPlan SecureMember::plan() const {
  const Half half = half_of_round(travel_of(experiment_.aggregation), vector_->round);
  const LayoutPtr part = travelling_layout(layout_, half);
  return {experiment_.privacy.secagg,
          experiment_.rounds.cohort_size,
          experiment_.privacy.clip_norm,
          part->size(),
          part->digest(),
          experiment_.privacy.dp};
}

bool SecureMember::is_over_budget() const {
  const DpConfig& dp = experiment_.privacy.dp;
  if (!dp.is_distributed() || dp.epsilon == 0) return false;
  const Releases after{1, dp.noise_multiplier, memory_.releases + 1};
  return epsilon_bound(accounting_of(dp.accountant), {after}, dp.delta).epsilon > dp.epsilon;
}

void SecureMember::begin() {
  const SecAggIdentity& me = identity_;
  session_ = std::make_unique<SecAggClient>(
      SecAggIdentity{me.uid, me.key.clone(), me.server, me.authority},
      session_policy(plan(), session_model(base_digest_, vector_->adapter_sha256)), memory_.sessions,
      now_(), entropy_);
}

SecureAnswer SecureMember::handle(std::span<const std::byte> frame) {
  SecureAnswer answer;
  if (!session_ && !vector_) {
    answer.reason = "no update waits for a session";
    return answer;
  }
  if (!session_ && is_over_budget()) {
    answer.abort = SecAggAbort::kPolicy;
    answer.reason = "the privacy budget of this device allows no further sum";
    forget();
    return answer;
  }
  if (!session_) begin();
  SecAggReaction reaction = session_->handle(frame);
  answer.abort = reaction.abort;
  answer.reason = std::move(reaction.reason);
  if (session_->memory() != memory_.sessions && vector_) {
    memory_ = {session_->memory(), vector_->seed,
               memory_.releases + (experiment_.privacy.dp.is_distributed() ? 1 : 0)};
    answer.remember = memory_;
  }
  if (reaction.frame) answer.frames.push_back(std::move(*reaction.frame));
  if (session_->wants_vector()) mask(answer);
  answer.spent = session_->is_spent() && !reaction.ignored;
  if (answer.abort) forget();
  return answer;
}

Result<CodedVector> SecureMember::code() {
  const SecAggParams& params = session_->params();
  if (experiment_.privacy.dp.is_distributed()) {
    const auto share = session_noise(plan());
    if (!share) return tl::unexpected<Error>(share.error());
    auto ring = code_noised(vector_->delta.values(), *share, session_->sid(), entropy_);
    if (!ring) return tl::unexpected<Error>(ring.error());
    return CodedVector{std::move(*ring), 0};
  }
  const DeviceVector mine{vector_->delta.values(), static_cast<double>(vector_->supervised_tokens),
                          vector_->loss};
  return code_vector(mine, params.coding, params.max_weight, entropy_.key());
}

void SecureMember::mask(SecureAnswer& answer) {
  auto coded = code();
  SecAggReaction reaction = coded ? session_->mask(std::move(coded->ring))
                                  : session_->give_up(SecAggAbort::kNonFinite, coded.error().message);
  if (coded) {
    answer.clipped = coded->clipped;
    wipe(std::as_writable_bytes(vector_->delta.values()));
    vector_.reset();  // it goes into no other session
  }
  answer.abort = reaction.abort;
  if (reaction.abort) answer.reason = std::move(reaction.reason);
  if (reaction.frame) answer.frames.push_back(std::move(*reaction.frame));
}

SecAggIdentity secure_identity(const SigningIdentity& signing) {
  const auto key = [](const char* field, const auto& read) {
    if (!read)
      throw IoError("the bundle's field 'signing." + std::string(field) + "': " + read.error().message);
  };
  auto mine = signing_key_from_hex(signing.secret_key.reveal());
  const auto server = public_key_from_hex(signing.server_public_key);
  const auto authority = public_key_from_hex(signing.authority_public_key);
  key("secret_key", mine);
  key("server_public_key", server);
  key("authority_public_key", authority);
  return {signing.uid, std::move(*mine), *server, *authority};
}

}  // namespace fennec
