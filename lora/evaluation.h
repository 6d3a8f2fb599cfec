#pragma once
#include <cstddef>
#include <functional>
#include <stop_token>
#include <vector>

#include "core/evaluation_tally.h"
#include "data/example.h"
#include "model/tokenizer.h"

namespace fennec {

class CausalLm;

struct EvaluateOptions {
  std::size_t max_tokens = 512;      ///< a longer example loses the start of its prompt, as in training
  std::size_t batch_tokens = 4096;   ///< rows × longest row of one forward pass
  std::size_t forecast_tokens = 12;  ///< longest generated number
  std::stop_token stop;              ///< asked once a batch
  std::function<void(std::size_t done, std::size_t total)> on_progress;
};

/// Scores a model, with whatever adapter is attached, on held-out examples:
///  - every task: loss in nats per completion token, end of text included;
///  - labels: slot by slot the label with the highest log-likelihood, given the prompt and the labels
///  predicted
///    before it. A label is scored with the separator or end of text that follows it, so that one label
///    may begin another; ties go to the first. An example without slots chooses among the completions
///    of its task;
///  - forecasts: a greedily generated number, read strictly up to the end of its line.
/// Each prompt goes through the model once. When stopped, the tally covers the batches done so far.
EvaluationTally evaluate(const CausalLm& model, const Tokenizer& tokenizer,
                         const std::vector<Example>& examples, const EvaluateOptions& options = {});

}  // namespace fennec
