#include "privacy/secagg_plan.h"

#include <algorithm>

#include <fmt/format.h>

#include "privacy/secagg_vector.h"

namespace fennec {
namespace {

std::uint32_t largest_group(const SecAggPlan& plan) {
  return group_sizes(static_cast<std::uint32_t>(plan.cohort_size), plan.config.groups).front();
}

NoiseTarget noise_target(const SecAggPlan& plan) {
  return {plan.dp.clip_norm, plan.dp.noise_multiplier, plan.values, largest_group(plan),
          plan.config.noisy_survivors(plan.cohort_size)};
}

Sha256Digest vector_layout(const SecAggPlan& plan) {
  return sha256(secagg_label("layout") + plan.layout_digest +
                (plan.dp.is_distributed() ? "+rotated+noised" : "+clipped+loss"));
}

/// Of the differential privacy in force; zeros without. Only when session_noise() has an answer.
Sha256Digest privacy_of(const SecAggPlan& plan) {
  if (!plan.dp.is_distributed()) return {};
  const auto share = session_noise(plan);
  return share ? privacy_digest(noise_target(plan), *share) : Sha256Digest{};
}

double largest_weight(const SecAggPlan& plan) {
  return plan.config.max_weight > 0 ? plan.config.max_weight : 1;
}

SecAggMode mode_of(const SecAggConfig& config) {
  return config.mode == "active" ? SecAggMode::kActive : SecAggMode::kHonestButCurious;
}

}  // namespace

std::vector<std::uint32_t> group_sizes(std::uint32_t members, int groups) {
  FENNEC_CHECK(groups >= 1);
  const auto n = static_cast<std::uint32_t>(groups);
  std::vector<std::uint32_t> sizes(n, members / n);
  for (std::uint32_t i = 0; i < members % n; ++i) ++sizes[i];
  return sizes;
}

Result<NoiseShare> session_noise(const SecAggPlan& plan) {
  FENNEC_CHECK(plan.dp.is_distributed());
  return noise_share(noise_target(plan));
}

RingCoding session_coding(const SecAggPlan& plan) {
  RingCoding coding;
  if (plan.dp.is_distributed()) {
    const auto share = session_noise(plan);
    return share ? share->coding : coding;
  }
  coding.values = plan.values + kVectorFigures;
  coding.weighted = plan.config.max_weight > 0;
  coding.value_bits =
      plan.config.value_bits > 0 ? plan.config.value_bits : largest_value_bits(largest_group(plan));
  coding.clip = plan.config.clip > 0 ? plan.config.clip : plan.clip_norm;
  return coding;
}

Result<SecAggParams> session_params(const SecAggPlan& plan, std::uint32_t members) {
  if (plan.dp.is_distributed())
    if (const auto share = session_noise(plan); !share) return tl::unexpected<Error>(share.error());
  SecAggParams p;
  p.suite = plan.config.suite == "chacha20" ? MaskSuite::kChaCha20 : MaskSuite::kAes256Ctr;
  p.mode = mode_of(plan.config);
  p.coding = session_coding(plan);
  p.max_weight = largest_weight(plan);
  p.layout = vector_layout(plan);
  p.cohort = members;
  p.survivors = plan.config.fewest_survivors(plan.cohort_size);
  p.corrupt = plan.config.corrupt;
  p.dropouts = plan.config.dropouts;
  p.deadline_s = plan.config.phase_deadline_s;
  p.privacy = privacy_of(plan);
  if (const auto done = complete_params(p); !done) return tl::unexpected<Error>(done.error());
  if (const auto sound = check_params(p); !sound) return tl::unexpected<Error>(sound.error());
  return p;
}

SecAggPolicy session_policy(const SecAggPlan& plan, const Sha256Digest& model) {
  SecAggPolicy policy;
  policy.active = mode_of(plan.config) == SecAggMode::kActive;
  policy.survivors = plan.config.fewest_survivors(plan.cohort_size);
  policy.corrupt = plan.config.corrupt;
  policy.dropouts = plan.config.dropouts;
  policy.coding = session_coding(plan);
  policy.max_weight = largest_weight(plan);
  policy.layout = vector_layout(plan);
  policy.privacy = privacy_of(plan);
  policy.model = model;
  return policy;
}

Sha256Digest session_model(const std::string& base_digest, const std::string& adapter_sha256) {
  return sha256(secagg_label("model") + base_digest + "/" + adapter_sha256);
}

std::string session_problem(const SecAggPlan& plan) {
  const auto members = static_cast<std::uint32_t>(plan.cohort_size);
  for (const std::uint32_t size : group_sizes(members, plan.config.groups))
    if (const auto params = session_params(plan, size); !params)
      return fmt::format(
          "privacy.secagg: a sum over {} of the {} devices of a round is not possible: {}", size,
          members, params.error().message);
  return "";
}

}  // namespace fennec
