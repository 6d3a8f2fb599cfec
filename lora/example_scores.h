#pragma once
#include <cstddef>
#include <stop_token>
#include <vector>

#include "core/error.h"
#include "data/example_selection.h"
#include "lora/trainer.h"

namespace fennec {

class FrozenPrefix;

/// Scores training examples by a model with whatever adapter is attached: one forward pass over each,
/// and one over its completion alone with the example's first token for context. Points are the mean
/// final hidden states, projected to 32 dimensions by fixed random signs. Scores do not depend on the
/// order of the examples. kBudget when stopped.
/// @param batch_tokens  rows × longest row of one forward pass
/// @param prefix  the model's layers below the first adapted one: the pass over whole examples begins
/// behind them; null: at the tokens
Result<ScoredExamples> score_examples(const CausalLm& model,
                                      const std::vector<TokenizedExample>& examples,
                                      std::size_t batch_tokens, const std::stop_token& stop = {},
                                      FrozenPrefix* prefix = nullptr);

}  // namespace fennec
