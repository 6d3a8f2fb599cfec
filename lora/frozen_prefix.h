#pragma once
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "lora/packing.h"
#include "lora/prefix_store.h"
#include "lora/state_codec.h"
#include "model/causal_lm.h"

namespace fennec {

/// The layers below the first adapted one. What they make of an example is the same whenever it is
/// trained on, and is worked out for each example alone, so that it depends on nothing but the example
/// and the base model: a pass that takes it from a store, one that computes it again, and one beside
/// other examples train on the same bits. Not thread-safe; the store is.
class FrozenPrefix {
 public:
  /// Of examples that batches needed: computed now, or kept from before.
  struct Counts {
    std::int64_t computed = 0, reused = 0;
  };

  /// @param first_layer  the first adapted layer, at least 1  @param store  outlives the prefix; null:
  /// nothing is kept
  FrozenPrefix(const CausalLm& model, std::int64_t first_layer, StatePrecision precision,
               PrefixStore* store);

  /// Gives the batch the states that enter the first adapted layer; padding has zeros.
  /// @param examples  those that the batch was made of
  void enter(const std::vector<TokenizedExample>& examples, TrainBatch& batch);
  const Counts& counts() const { return counts_; }

 private:
  void fill(const TokenizedExample& example, float* out);
  at::Tensor compute(const TokenizedExample& example) const;

  const CausalLm& model_;
  std::int64_t first_layer_;
  StatePrecision precision_;
  PrefixStore* store_;
  Counts counts_;
};

/// What one example's states are kept under: the tokens, the layer and the precision.
PrefixStore::Key prefix_key(const TokenizedExample& example, std::int64_t first_layer,
                            StatePrecision precision);
std::set<PrefixStore::Key> prefix_keys(const std::vector<TokenizedExample>& examples,
                                       std::int64_t first_layer, StatePrecision precision);

/// What states depend on beside that, as hex digits: the base model's tensors, its config.json, the
/// precision it is kept in, and the tensor library that computes.
/// @param base_digest  as base_model_digest()
std::string prefix_identity(const CausalLm& model, const std::string& base_digest,
                            const std::string& base_precision);

}  // namespace fennec
