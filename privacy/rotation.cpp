#include "privacy/rotation.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "core/error.h"
#include "core/parameter_math.h"
#include "privacy/hkdf.h"
#include "privacy/mask_stream.h"
#include "privacy/secagg_bytes.h"

namespace fennec {
namespace {

void flip_signs(std::span<float> x, const Sha256Digest& sid) {
  constexpr std::size_t kWords = 1024, kValues = 32 * kWords;
  const ByteWriter info(secagg_label("rot"));
  MaskStream stream(MaskSuite::kAes256Ctr, hkdf_key(sid, sid, info.bytes()));
  std::array<std::uint32_t, kWords> words;
  for (std::size_t at = 0; at < x.size(); at += kValues) {
    stream.expand(words);
    const auto part = x.subspan(at, std::min(kValues, x.size() - at));
    for (std::size_t i = 0; i < part.size(); ++i)
      if ((words[i / 32] >> (i % 32) & 1U) != 0) part[i] = -part[i];
  }
}

/// x ← H·x/√D, butterfly by butterfly (Sylvester's order).
void hadamard(std::span<float> x) {
  for (std::size_t half = 1; half < x.size(); half *= 2)
    for (std::size_t block = 0; block < x.size(); block += 2 * half) {
      float* const low = x.data() + block;
      float* const high = low + half;
      for (std::size_t i = 0; i < half; ++i) {
        const float a = low[i], b = high[i];
        low[i] = a + b;
        high[i] = a - b;
      }
    }
  scale(static_cast<float>(1 / std::sqrt(static_cast<double>(x.size()))), x);
}

}  // namespace

std::size_t rotated_size(std::size_t values) { return std::bit_ceil(values); }

std::vector<float> rotate(std::span<const float> x, const Sha256Digest& sid) {
  std::vector<float> y(rotated_size(x.size()));
  std::copy(x.begin(), x.end(), y.begin());
  flip_signs(y, sid);
  hadamard(y);
  return y;
}

void unrotate(std::span<float> y, const Sha256Digest& sid) {
  FENNEC_CHECK(std::has_single_bit(y.size()));
  hadamard(y);
  flip_signs(y, sid);
}

}  // namespace fennec
