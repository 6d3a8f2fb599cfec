#include "privacy/ring_vector.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "privacy/mask_stream.h"
#include "privacy/quantize_kernel.h"

namespace fennec {
namespace {

constexpr std::size_t kBlock = kQuantizeBlock;

std::size_t coded_values(const RingCoding& coding) { return coding.values + (coding.weighted ? 1 : 0); }

std::int64_t as_signed(std::uint32_t element) {
  return static_cast<std::int64_t>(std::bit_cast<std::int32_t>(element));
}

}  // namespace

std::size_t ring_place(std::size_t i) { return i + i / kBlock; }

std::size_t RingCoding::length() const {
  const std::size_t n = coded_values(*this);
  return n + (n + kBlock - 1) / kBlock;
}

int largest_value_bits(std::uint32_t cohort) {
  return std::min(28, 32 - static_cast<int>(std::bit_width(std::max(cohort, 1u) - 1)));
}

Result<void> check_no_overflow(const RingCoding& coding, std::uint32_t cohort) {
  const int most = largest_value_bits(cohort);
  if (!coding.is_whole_ring() && (coding.value_bits < 2 || coding.value_bits > most))
    return fail(ErrorCode::kMismatch,
                fmt::format("values of {} bits: between 2 and {} fit a sum over {} clients in 32 bits",
                            coding.value_bits, most, cohort));
  if (!(coding.clip > 0) || !std::isfinite(coding.scale()) || coding.scale() < 1e-30)
    return fail(ErrorCode::kMismatch, fmt::format("clip must be positive, is {:g}", coding.clip));
  if (coding.values == 0 || coding.values > (std::size_t{1} << 31))
    return fail(ErrorCode::kMismatch, fmt::format("a vector of {} values", coding.values));
  return {};
}

Result<QuantizeReport> quantize(std::span<const float> x, double weight, const RingCoding& coding,
                                const SecretKey& rounding_seed, std::span<std::uint32_t> out) {
  FENNEC_CHECK(x.size() == coding.values && out.size() == coding.length());
  FENNEC_CHECK(weight >= 0 && weight <= 1);
  const QuantizeScaling scaling{coding.scale(), static_cast<double>(coding.limit()), weight};
  MaskStream stream(MaskSuite::kAes256Ctr, rounding_seed);
  std::array<std::uint32_t, kBlock> random;
  QuantizeCounts counts;
  std::fill(out.begin(), out.end(), 0u);
  for (std::size_t at = 0; at < x.size(); at += kBlock) {
    const auto block = x.subspan(at, std::min(kBlock, x.size() - at));
    stream.expand(random);
    quantize_block(block, random, scaling, out.subspan(ring_place(at), block.size()), counts);
  }
  wipe(std::as_writable_bytes(std::span(random)));
  if (counts.not_finite > 0) {
    wipe(std::as_writable_bytes(out));
    return fail(ErrorCode::kNumeric,
                fmt::format("{} of {} values are NaN or Inf", counts.not_finite, x.size()));
  }
  if (coding.weighted)
    out[ring_place(coding.values)] =
        static_cast<std::uint32_t>(std::llround(static_cast<double>(coding.limit()) * weight));
  return QuantizeReport{counts.clipped};
}

Result<void> check_sum(std::span<const std::uint32_t> sum, const RingCoding& coding,
                       std::uint32_t contributors) {
  FENNEC_CHECK(sum.size() == coding.length());
  const std::int64_t most = coding.limit() * contributors;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const bool is_checksum = i % (kBlock + 1) == kBlock || i + 1 == sum.size();
    const std::int64_t value = as_signed(sum[i]);
    if (is_checksum ? value == 0 : std::abs(value) <= most) continue;
    return fail(ErrorCode::kNumeric,
                fmt::format("coordinate {} of the sum is {}, at most {} is possible", i, value,
                            is_checksum ? 0 : most));
  }
  return {};
}

double decode_weight(std::span<const std::uint32_t> sum, const RingCoding& coding,
                     std::uint32_t contributors) {
  if (!coding.weighted) return contributors;
  return static_cast<double>(as_signed(sum[ring_place(coding.values)])) /
         static_cast<double>(coding.limit());
}

void decode_mean(std::span<const std::uint32_t> sum, const RingCoding& coding, double weight_sum,
                 std::span<float> mean) {
  FENNEC_CHECK(mean.size() == coding.values && sum.size() == coding.length() && weight_sum > 0);
  const double unit = 1.0 / (coding.scale() * weight_sum);
  for (std::size_t i = 0; i < mean.size(); ++i)
    mean[i] = static_cast<float>(static_cast<double>(as_signed(sum[ring_place(i)])) * unit);
}

}  // namespace fennec
