#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/rng.h"
#include "privacy/secret_bytes.h"

namespace fennec {

/// Uniform random bytes. Noise that protects comes from SystemRandom or KeyedRandom; SeededRandom is
/// for simulations and tests, where anyone who knows the seed can take the noise off again.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual void fill(std::span<std::byte> out) = 0;  ///< throws IoError when the machine has none
};

/// The operating system's cryptographic generator, through OpenSSL.
class SystemRandom final : public RandomSource {
 public:
  using Generator = int (*)(unsigned char*, int);  ///< 1 on success, as RAND_bytes
  SystemRandom();
  explicit SystemRandom(Generator generator) : generator_(generator) {}
  void fill(std::span<std::byte> out) override;

 private:
  Generator generator_;
};

SecretKey random_key();  ///< from SystemRandom

/// AES-256 in counter mode under HMAC-SHA-256(key, label): a secret key gives the same bytes for a
/// label as often as it is asked, and nothing to those who lack it.
class KeyedRandom final : public RandomSource {
 public:
  KeyedRandom(const SecretKey& key, std::string_view label);
  ~KeyedRandom() override;
  void fill(std::span<std::byte> out) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A named stream of the experiment's seed: reproducible, NOT private.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(Seed seed) : stream_(seed) {}
  void fill(std::span<std::byte> out) override;

 private:
  RandomStream stream_;
};

/// Takes bytes from a source a block at a time; what was handed out is wiped.
class RandomBytes {
 public:
  explicit RandomBytes(RandomSource& source) : source_(source) {}
  ~RandomBytes();
  RandomBytes(const RandomBytes&) = delete;
  RandomBytes& operator=(const RandomBytes&) = delete;
  std::uint8_t next() {
    if (used_ == buffer_.size()) refill();
    return static_cast<std::uint8_t>(buffer_[used_++]);
  }

 private:
  void refill();
  RandomSource& source_;
  std::array<std::byte, 4096> buffer_{};
  std::size_t used_ = 4096;
};

}  // namespace fennec
