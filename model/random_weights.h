#pragma once
#include <cstdint>

#include "core/rng.h"
#include "model/weight_source.h"

namespace fennec {

/// Weights of a model that has learned nothing: matrices N(0, 0.02²), those that write to the residual
/// stream scaled by 1/√(2·layers) (GPT-2's initialisation), biases 0, other vectors 1. Each tensor is
/// drawn from seed.child("init", name).
class RandomWeights final : public WeightSource {
 public:
  RandomWeights(Seed seed, std::int64_t layers) : seed_(seed), layers_(layers) {}

  bool contains(const std::string& name) const override;  ///< any name
  at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape) override;
  void finish(const std::function<bool(const std::string&)>& ignored) const override;

 private:
  Seed seed_;
  std::int64_t layers_;
};

}  // namespace fennec
