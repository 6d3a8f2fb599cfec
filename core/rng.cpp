#include "core/rng.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "core/error.h"

namespace fennec {

namespace {

using Block = std::array<std::uint32_t, 4>;

// The last counter word keeps the uses of one key apart.
enum Domain : std::uint32_t {
  kStream = 0,
  kFillUniform = 1,
  kFillNormal = 2,
  kChildNumber = 3,
  kChildText = 4,
  kChildEnd = 5,
  kSigns = 6
};

std::uint32_t low(std::uint64_t v) { return static_cast<std::uint32_t>(v); }
std::uint32_t high(std::uint64_t v) { return static_cast<std::uint32_t>(v >> 32); }
std::uint64_t join(std::uint32_t lo, std::uint32_t hi) { return std::uint64_t{hi} << 32 | lo; }

Block block_of(std::uint64_t key, std::uint64_t index, std::uint32_t extra, Domain domain) {
  return philox4x32({low(index), high(index), extra, domain}, {low(key), high(key)});
}

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

std::uint64_t mix(std::uint64_t key, std::uint64_t value, Domain domain) {
  const Block block = block_of(key, value, 0, domain);
  return join(block[0], block[1]);
}

/// [0, 1) in steps of 2⁻²⁴.
float unit_float(std::uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

/// Two independent N(0, 1) draws (Box–Muller), from (0, 1] and [0, 1).
std::pair<double, double> box_muller(double u, double v) {
  const double radius = std::sqrt(-2.0 * std::log(u));
  const double angle = 2.0 * std::numbers::pi * v;
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

}  // namespace

Block philox4x32(Block counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {high(p1) ^ counter[1] ^ key[0], low(p1), high(p0) ^ counter[3] ^ key[1], low(p0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

Seed Seed::child(std::string_view name, std::uint64_t a, std::uint64_t b) const {
  const std::uint64_t named = mix(key_, fnv1a(name), kChildNumber);
  return Seed(mix(mix(named, a, kChildNumber), b, kChildEnd));
}

Seed Seed::child(std::string_view name, std::string_view id, std::uint64_t b) const {
  const std::uint64_t named = mix(key_, fnv1a(name), kChildText);
  return Seed(mix(mix(mix(named, fnv1a(id), kChildText), id.size(), kChildText), b, kChildEnd));
}

std::uint32_t RandomStream::next_u32() {
  if (left_ == 0) {
    buffer_ = block_of(key_, block_++, 0, kStream);
    left_ = 4;
  }
  return buffer_[static_cast<std::size_t>(4 - left_--)];
}

std::uint64_t RandomStream::next_u64() {
  const std::uint32_t lo = next_u32();
  return join(lo, next_u32());
}

double RandomStream::uniform() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }

double RandomStream::uniform(double from, double to) {
  const double value = from + (to - from) * uniform();
  return value < to ? value : std::nextafter(to, from);
}

std::uint64_t RandomStream::below(std::uint64_t bound) {
  FENNEC_CHECK(bound > 0);
  const std::uint64_t excess = (std::numeric_limits<std::uint64_t>::max() % bound + 1) % bound;
  for (;;) {  // the top 2⁶⁴ mod bound values would favour small results
    const std::uint64_t value = next_u64();
    if (value <= std::numeric_limits<std::uint64_t>::max() - excess) return value % bound;
  }
}

double RandomStream::normal(double mean, double sd) {
  if (has_spare_) {
    has_spare_ = false;
    return mean + sd * spare_;
  }
  const double u = 1.0 - uniform();
  const auto pair = box_muller(u, uniform());
  spare_ = pair.second;
  has_spare_ = true;
  return mean + sd * pair.first;
}

std::size_t RandomStream::categorical(std::span<const double> weights) {
  double total = 0;
  for (const double weight : weights) total += weight;
  FENNEC_CHECK(total > 0 && std::isfinite(total),
               "categorical weights must be finite with a positive sum");
  double left = uniform() * total;
  std::size_t last = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    last = i;
    left -= weights[i];
    if (left < 0) return i;
  }
  return last;
}

void fill_uniform(Seed seed, std::span<float> out, float from, float to) {
  for (std::size_t i = 0; i < out.size(); i += 4) {
    const Block block = block_of(seed.key(), i / 4, 0, kFillUniform);
    for (std::size_t lane = 0; lane < 4 && i + lane < out.size(); ++lane) {
      const float value = from + (to - from) * unit_float(block[lane]);
      out[i + lane] = value < to ? value : std::nextafter(to, from);
    }
  }
}

void fill_normal(Seed seed, std::span<float> out, float sd) {
  constexpr double kStep = 0x1p-32;
  for (std::size_t i = 0; i < out.size(); i += 4) {
    const Block block = block_of(seed.key(), i / 4, 0, kFillNormal);
    const auto first = box_muller((block[0] + 1.0) * kStep, block[1] * kStep);
    const auto second = box_muller((block[2] + 1.0) * kStep, block[3] * kStep);
    const double values[4] = {first.first, first.second, second.first, second.second};
    for (std::size_t lane = 0; lane < 4 && i + lane < out.size(); ++lane)
      out[i + lane] = static_cast<float>(sd * values[lane]);
  }
}

void add_signs(Seed seed, float step, std::span<const float> x, std::span<float> out,
               std::size_t first) {
  FENNEC_CHECK(x.size() == out.size());
  Block block{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t bit = (first + i) % 128;
    if (i == 0 || bit == 0) block = block_of(seed.key(), (first + i) / 128, 0, kSigns);
    out[i] = x[i] + (block[bit / 32] >> (bit % 32) & 1 ? step : -step);
  }
}

}  // namespace fennec
