#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/causal_lm.h"
#include "model/kv_cache.h"
#include "model/tokenizer.h"

namespace fennec {

/// Scores alternative continuations of a batch of prompts. A prompt and all its branches are one row:
/// branches see the prompt and themselves, so the prompt is computed once; a chosen branch becomes part
/// of the prompt by relabelling its columns in the cache. Not thread-safe.
class BranchScorer {
 public:
  using Ids = std::vector<TokenId>;

  /// @param goes_on  whether commit() will follow a score(): keeps a cache
  BranchScorer(const CausalLm& model, std::vector<Ids> prompts, bool goes_on);

  /// Σ log p of each branch's tokens after the text so far (nats). The first token of a branch after an
  /// empty prompt has no context and counts 0.
  /// @param branches  by row, then branch
  std::vector<std::vector<double>> score(const std::vector<std::vector<Ids>>& branches);

  /// Appends a branch of the last score() to each row's text; −1: none.
  void commit(const std::vector<std::int64_t>& chosen);

  /// Greedy tokens after the text so far; `accept(row, token)` says whether the row goes on. After
  /// commit().
  void generate(std::int64_t max_new_tokens,
                const std::function<bool(std::size_t row, TokenId token)>& accept);

 private:
  struct Span {
    std::int64_t begin = 0, length = 0;  // columns of the last forward pass
  };
  struct Prediction {
    std::int64_t source, target;  // source: row of the hidden states that predicts the token
    std::size_t row, branch;
  };
  TokenBatch lay_out(const std::vector<std::vector<Ids>>& branches,
                     std::vector<Prediction>& predictions);
  std::vector<double> log_probs(std::vector<Prediction>& predictions) const;

  const CausalLm& model_;
  std::vector<Ids> pending_;  // text not yet in the cache, by row: the prompt at first
  std::unique_ptr<KvCache> cache_;
  std::vector<std::int64_t> length_;           // text tokens so far, by row
  std::int64_t first_column_ = 0, width_ = 0;  // of the last forward pass
  std::vector<Span> text_;                     // its new text, by row
  std::vector<std::vector<Span>> branches_;
  at::Tensor hidden_;  // [B·width, D] of the last pass, then last_ as it was before it
  at::Tensor last_;    // [B, D] hidden state of each text's last token
};

}  // namespace fennec
