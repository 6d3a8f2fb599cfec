#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include <ATen/core/Tensor.h>

namespace fennec {

/// Rotary position embedding as Hugging Face configures it.
struct RopeConfig {
  std::string type = "default";  ///< default, linear, dynamic, llama3, yarn
  double theta = 10000;
  double factor = 1;
  double low_freq_factor = 1, high_freq_factor = 4;  ///< llama3
  std::int64_t original_max_positions = 0;           ///< llama3, yarn; 0 = max_positions
  std::int64_t max_positions = 2048;
  double beta_fast = 32, beta_slow = 1;                            ///< yarn
  bool truncate = true;                                            ///< yarn
  std::optional<double> attention_factor, mscale, mscale_all_dim;  ///< yarn
  double partial_rotary_factor = 1;  ///< share of the head dimension that rotates
};

/// Why this configuration cannot be used, or "".
std::string rope_fault(const RopeConfig& config);

/// How many tokens a model with these positions takes: scaled ones more than max_positions says.
std::int64_t context_length(const RopeConfig& config);

/// The dimensions of a head that rotate: its first partial_rotary_factor, rounded down.
std::int64_t rotary_dim(const RopeConfig& config, std::int64_t head_dim);

/// Angles of the half-split ("rotate_half") layout: dimension pairs are (i, i + d/2).
struct RopeTable {
  at::Tensor cos, sin;  ///< [..., d/2] float, attention factor included
};

/// Immutable; any thread.
class Rope {
 public:
  /// @param dim  d, the rotated dimensions of a head (even)
  Rope(RopeConfig config, std::int64_t dim);
  /// @param sequence_length  only `dynamic` depends on it  @return [d/2] float
  at::Tensor inv_freq(std::int64_t sequence_length) const;
  double attention_factor() const { return attention_factor_; }
  /// @param positions [...] int64
  RopeTable table(const at::Tensor& positions) const;
  const RopeConfig& config() const { return config_; }

 private:
  RopeConfig config_;
  std::int64_t dim_;
  double attention_factor_ = 1;
  at::Tensor inv_freq_;
};

}  // namespace fennec
