#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include <ATen/ATen.h>

#include "core/error.h"

namespace fennec {
namespace {

/// θ^(−2i/d) in float32, as the reference computes it.
at::Tensor base_frequencies(double theta, std::int64_t dim) {
  const auto exponents = at::arange(0, dim, 2, at::kLong).to(at::kFloat) / static_cast<double>(dim);
  return at::reciprocal(at::pow(at::Scalar(theta), exponents));
}

double original_positions(const RopeConfig& c) {
  return static_cast<double>(c.original_max_positions > 0 ? c.original_max_positions : c.max_positions);
}

/// Llama 3.1: long wavelengths are divided by the factor, short ones kept, those between interpolated.
at::Tensor llama3_frequencies(const RopeConfig& c, const at::Tensor& inv_freq) {
  const double old = original_positions(c);
  const auto wavelength = 2 * std::numbers::pi / inv_freq;
  const auto smooth = (old / wavelength - c.low_freq_factor) / (c.high_freq_factor - c.low_freq_factor);
  const auto between = (1 - smooth) * inv_freq / c.factor + smooth * inv_freq;
  const auto scaled = at::where(wavelength > old / c.low_freq_factor, inv_freq / c.factor, inv_freq);
  const auto medium =
      at::logical_and(wavelength >= old / c.high_freq_factor, wavelength <= old / c.low_freq_factor);
  return at::where(medium, between, scaled);
}

/// YaRN (arXiv 2309.00071): a ramp over dimensions between extrapolation and interpolation.
at::Tensor yarn_frequencies(const RopeConfig& c, const at::Tensor& inv_freq, std::int64_t dim) {
  const auto d = static_cast<double>(dim);
  const auto dimension_of = [&](double rotations) {
    return d * std::log(original_positions(c) / (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(c.theta));
  };
  double low = dimension_of(c.beta_fast), high = dimension_of(c.beta_slow);
  if (c.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, d - 1);
  if (low == high) high += 0.001;
  const auto ramp = ((at::arange(dim / 2, at::kFloat) - low) / (high - low)).clamp(0, 1);
  return inv_freq / c.factor * ramp + inv_freq * (1 - ramp);
}

double yarn_attention_factor(const RopeConfig& c) {
  const auto g = [&](double mscale) {
    return c.factor <= 1 ? 1.0 : 0.1 * mscale * std::log(c.factor) + 1.0;
  };
  if (c.attention_factor) return *c.attention_factor;
  if (c.mscale.value_or(0) != 0 && c.mscale_all_dim.value_or(0) != 0)
    return g(*c.mscale) / g(*c.mscale_all_dim);
  return g(1);
}

}  // namespace

std::string rope_fault(const RopeConfig& c) {
  const bool known = c.type == "default" || c.type == "linear" || c.type == "dynamic" ||
                     c.type == "llama3" || c.type == "yarn";
  if (!known)
    return "asks for rope type '" + c.type + "'; supported: default, linear, dynamic, llama3, yarn";
  if (!(c.theta > 1)) return "has a rope_theta of at most 1";
  if (!(c.factor >= 1)) return "has a factor below 1";
  if (c.type == "llama3" && !(c.high_freq_factor > c.low_freq_factor && c.low_freq_factor > 0))
    return "needs 0 < low_freq_factor < high_freq_factor";
  if (c.type == "yarn" && !(c.beta_fast > 0 && c.beta_slow > 0))
    return "needs positive beta_fast and beta_slow";
  if (!(c.partial_rotary_factor >= 0 && c.partial_rotary_factor <= 1))
    return "has a partial_rotary_factor outside [0, 1]";
  if (c.original_max_positions < 0) return "has a negative original_max_position_embeddings";
  return "";
}

std::int64_t context_length(const RopeConfig& c) {
  double longest = static_cast<double>(c.max_positions);
  if (c.type == "linear" || c.type == "dynamic") longest *= c.factor;
  if (c.type == "yarn") longest = std::max(longest, original_positions(c) * c.factor);
  return static_cast<std::int64_t>(std::min(longest, 2147483647.0));
}

std::int64_t rotary_dim(const RopeConfig& config, std::int64_t head_dim) {
  return static_cast<std::int64_t>(static_cast<double>(head_dim) * config.partial_rotary_factor);
}

Rope::Rope(RopeConfig config, std::int64_t dim) : config_(std::move(config)), dim_(dim) {
  FENNEC_CHECK(rope_fault(config_).empty() && dim > 0 && dim % 2 == 0);
  inv_freq_ = base_frequencies(config_.theta, dim);
  if (config_.type == "linear") inv_freq_ = inv_freq_ / config_.factor;
  if (config_.type == "llama3") inv_freq_ = llama3_frequencies(config_, inv_freq_);
  if (config_.type == "yarn") {
    inv_freq_ = yarn_frequencies(config_, inv_freq_, dim);
    attention_factor_ = yarn_attention_factor(config_);
  }
}

at::Tensor Rope::inv_freq(std::int64_t sequence_length) const {
  if (config_.type != "dynamic" || sequence_length <= config_.max_positions || dim_ <= 2)
    return inv_freq_;
  const double d = static_cast<double>(dim_);
  const double stretch = config_.factor * static_cast<double>(sequence_length) /
                             static_cast<double>(config_.max_positions) -
                         (config_.factor - 1);
  return base_frequencies(config_.theta * std::pow(stretch, d / (d - 2)), dim_);
}

RopeTable Rope::table(const at::Tensor& positions) const {
  std::int64_t length = 0;
  if (config_.type == "dynamic" && positions.numel() > 0)
    length = positions.max().item<std::int64_t>() + 1;
  const auto frequencies = inv_freq(length).to(positions.device());
  const auto angles = positions.to(at::kFloat).unsqueeze(-1) * frequencies;  // [..., d/2]
  RopeTable table{angles.cos(), angles.sin()};
  if (attention_factor_ != 1) table.cos.mul_(attention_factor_), table.sin.mul_(attention_factor_);
  return table;
}

}  // namespace fennec
