#pragma once
#include <cstddef>
#include <span>

#include "core/rng.h"
#include "privacy/secret_bytes.h"

namespace fennec {

/// Where keys come from. A fill that cannot be random throws IoError: no caller ever goes on with
/// zeros.
class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual void fill(std::span<std::byte> out) = 0;
  SecretKey key();
};

/// OpenSSL's generator for private values (RAND_priv_bytes). Any thread.
class SystemEntropy final : public Entropy {
 public:
  void fill(std::span<std::byte> out) override;
};

/// For simulations and tests only: equal seeds give equal keys, so anyone who knows the seed knows
/// them. Not thread-safe.
class SeededEntropy final : public Entropy {
 public:
  explicit SeededEntropy(Seed seed) : stream_(seed) {}
  void fill(std::span<std::byte> out) override;

 private:
  RandomStream stream_;
};

}  // namespace fennec
