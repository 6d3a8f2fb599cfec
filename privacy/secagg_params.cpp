#include "privacy/secagg_params.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace fennec {
namespace {

constexpr double kSecurityBits = 40;
constexpr double kGrindingBits = 48;  // trials of a server that lies, within one deadline

Result<void> refuse(std::string message) { return fail(ErrorCode::kMismatch, std::move(message)); }

std::uint32_t ceiling(double x) { return static_cast<std::uint32_t>(std::ceil(x - 1e-9)); }

bool is_fraction(double x) { return x >= 0 && x < 1; }

}  // namespace

void write(ByteWriter& out, const SecAggParams& p) {
  out.u8(static_cast<std::uint8_t>(p.suite));
  out.u8(static_cast<std::uint8_t>(p.mode));
  out.u8(32);  // bits of the ring
  out.u8(static_cast<std::uint8_t>(p.coding.value_bits));
  out.u64(p.coding.values);
  out.raw(p.layout);
  out.f64(p.coding.clip);
  out.f64(p.coding.scale());
  out.u8(p.coding.weighted ? 1 : 0);
  out.f64(p.max_weight);
  out.u32(p.cohort);
  out.u32(p.survivors);
  out.u32(p.degree);
  out.u32(p.threshold);
  out.f64(p.corrupt);
  out.f64(p.dropouts);
  out.f64(p.deadline_s);
  out.raw(p.privacy);
  out.u64(p.roster_epoch);
  out.raw(p.roster);
}

SecAggParams read_params(ByteReader& in) {
  SecAggParams p;
  p.suite = static_cast<MaskSuite>(in.u8());
  const std::uint8_t mode = in.u8();
  p.mode = static_cast<SecAggMode>(mode);
  const std::uint8_t ring_bits = in.u8();
  p.coding.value_bits = in.u8();
  p.coding.values = in.u64();
  p.layout = in.array<32>();
  p.coding.clip = in.f64();
  const double scale = in.f64();
  const std::uint8_t weighted = in.u8();
  p.coding.weighted = weighted != 0;
  p.max_weight = in.f64();
  p.cohort = in.u32();
  p.survivors = in.u32();
  p.degree = in.u32();
  p.threshold = in.u32();
  p.corrupt = in.f64();
  p.dropouts = in.f64();
  p.deadline_s = in.f64();
  p.privacy = in.array<32>();
  p.roster_epoch = in.u64();
  p.roster = in.array<32>();
  const bool known =
      is_known(p.suite) && mode <= 1 && weighted <= 1 && ring_bits == 32 &&
      ((p.coding.value_bits >= 2 && p.coding.value_bits <= 28) || p.coding.is_whole_ring());
  if (!known || scale != p.coding.scale()) in.refuse();
  return p;
}

SecAggAssumptions assumptions_of(const SecAggParams& p) {
  const bool active = p.mode == SecAggMode::kActive;
  // The consistency round leaves an active server one set of survivors; the order of the ring it can
  // still influence.
  return {p.cohort,   p.corrupt,
          p.dropouts, kSecurityBits + (active ? kGrindingBits : 0),
          20,         SecAggAdversary::kHonestButCurious};
}

Result<void> complete_params(SecAggParams& p) {
  if (p.cohort < kFewestSurvivors || p.cohort > kLargestCohort)
    return refuse(fmt::format("a cohort of {}: between {} and {} is possible", p.cohort,
                              kFewestSurvivors, kLargestCohort));
  if (!is_fraction(p.corrupt) || !is_fraction(p.dropouts))
    return refuse("the corrupt and the dropped-out parts must be at least 0 and less than 1");
  const Result<SecAggDegree> found = choose_degree(assumptions_of(p));
  if (!found) return tl::unexpected<Error>(found.error());
  p.degree = found->degree;
  p.threshold = found->threshold;
  if (p.survivors == 0) p.survivors = default_survivors(p.cohort, p.dropouts);
  return {};
}

Result<void> check_params(const SecAggParams& p) {
  SecAggParams expected = p;
  if (const auto done = complete_params(expected); !done) return done;
  if (p.degree != expected.degree || p.threshold != expected.threshold)
    return refuse(fmt::format("degree {} and threshold {}, the assumptions need {} and {}", p.degree,
                              p.threshold, expected.degree, expected.threshold));
  if (p.survivors < kFewestSurvivors || p.survivors > p.cohort)
    return refuse(fmt::format("at least {} survivors of {}: between {} and the cohort is possible",
                              p.survivors, p.cohort, kFewestSurvivors));
  if (p.mode == SecAggMode::kActive && p.corrupt > 1 - 2 * p.dropouts + 1e-9)
    return refuse(fmt::format(
        "{:g} dropped out and {:g} corrupt leave no quorum of honest signatures: dropouts must be at "
        "most {:g}",
        p.dropouts, p.corrupt, (1 - p.corrupt) / 2));
  if (p.coding.is_whole_ring() != (p.privacy != Sha256Digest{}) ||
      (p.coding.is_whole_ring() && p.coding.weighted))
    return refuse("values of 32 bits are for noised vectors without weights, and for them alone");
  if (!(p.max_weight > 0) || !std::isfinite(p.max_weight))
    return refuse(fmt::format("a largest weight of {:g}", p.max_weight));
  if (!(p.deadline_s > 0) || !std::isfinite(p.deadline_s))
    return refuse(fmt::format("a deadline of {:g} s", p.deadline_s));
  return check_no_overflow(p.coding, p.cohort);
}

std::uint32_t consistency_quorum(std::uint32_t members, double corrupt) {
  return (members + ceiling(corrupt * members)) / 2 + 1;
}

Sha256Digest session_id(const SecAggParams& params, std::uint64_t round, const Sha256Digest& model,
                        const ServerNonce& nonce) {
  ByteWriter text(secagg_label("session"));
  write(text, params);
  text.u64(round);
  text.raw(model);
  text.raw(nonce);
  return sha256(text.bytes());
}

}  // namespace fennec
