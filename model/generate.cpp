#include "model/generate.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/error.h"
#include "model/attention_mask.h"
#include "model/kv_cache.h"

namespace fennec {
namespace {

using Prompts = std::vector<std::vector<TokenId>>;

/// The prompts as left-padded rows of one batch: every row's last token is in the last column, and a
/// row's columns follow one another without a gap from its first token on.
TokenBatch to_batch(const Prompts& prompts, std::int64_t width) {
  const auto rows = static_cast<std::int64_t>(prompts.size());
  TokenBatch batch{at::zeros({rows, width}, at::kLong),
                   at::full({rows, width}, kPaddingSegment, at::kLong),
                   at::zeros({rows, width}, at::kLong)};
  auto ids = batch.ids.accessor<std::int64_t, 2>(),
       segments = batch.segments.accessor<std::int64_t, 2>(),
       positions = batch.positions.accessor<std::int64_t, 2>();
  for (std::int64_t r = 0; r < rows; ++r) {
    const auto& prompt = prompts[static_cast<std::size_t>(r)];
    const std::int64_t tokens = static_cast<std::int64_t>(prompt.size()), padding = width - tokens;
    for (std::int64_t t = 0; t < tokens; ++t) {
      ids[r][padding + t] = prompt[static_cast<std::size_t>(t)];
      segments[r][padding + t] = 0;
      positions[r][padding + t] = t;
    }
  }
  return batch;
}

struct PromptLengths {
  std::int64_t shortest = 0, longest = 0;
};

PromptLengths measure(const Prompts& prompts, std::int64_t context) {
  PromptLengths lengths{context, 0};
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto tokens = static_cast<std::int64_t>(prompts[i].size());
    if (tokens > context)
      throw ConfigError("prompt " + std::to_string(i + 1) + " has " + std::to_string(tokens) +
                        " tokens, the model's context holds " + std::to_string(context));
    lengths.shortest = std::min(lengths.shortest, tokens);
    lengths.longest = std::max(lengths.longest, tokens);
  }
  return lengths;
}

/// One answer in the making.
struct Row {
  Row(const std::vector<TokenId>& prompt, const SamplingConfig& sampling, Seed seed)
      : sampler(sampling, seed), seen(prompt), prompt_tokens(prompt.size()), done(prompt.empty()) {}
  Sampler sampler;
  std::vector<TokenId> seen;  ///< prompt, then answer
  std::size_t prompt_tokens;
  bool done;
};

class BatchGeneration {
 public:
  BatchGeneration(const CausalLm& model, const Prompts& prompts, const GenerateOptions& options,
                  PromptLengths lengths)
      : model_(model),
        options_(options),
        width_(lengths.longest),
        steps_(std::min(options.max_new_tokens, model.max_positions() - lengths.shortest + 1)),
        cache_(model, static_cast<std::int64_t>(prompts.size()), width_ + steps_) {
    for (std::size_t i = 0; i < prompts.size(); ++i)
      rows_.emplace_back(prompts[i], options.sampling,
                         options.seed.child("generate", options.first_prompt + i));
    if (!options.suppressed.empty())
      suppressed_ = at::tensor(
          std::vector<std::int64_t>(options.suppressed.begin(), options.suppressed.end()), at::kLong);
  }

  Prompts run(const Prompts& prompts) {
    at::Tensor h = model_.hidden(to_batch(prompts, width_), &cache_).select(1, width_ - 1);  // [B, D]
    for (std::int64_t step = 1; choose(h) && step < steps_; ++step)
      h = model_.hidden(newest_tokens(), &cache_).select(1, 0);
    Prompts answers;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      Row& row = rows_[i];
      if (!row.done) finish(i, FinishReason::kLength);
      answers.emplace_back(row.seen.begin() + static_cast<std::ptrdiff_t>(row.prompt_tokens),
                           row.seen.end());
    }
    return answers;
  }

 private:
  /// @param h [B, D]  @return whether an answer goes on
  bool choose(const at::Tensor& h) {
    at::Tensor logits = model_.head(h).to(at::kCPU, at::kFloat).contiguous();  // [B, V]
    if (suppressed_.defined()) logits.index_fill_(1, suppressed_, -HUGE_VAL);
    const auto vocab = static_cast<std::size_t>(logits.size(1));
    const float* values = logits.data_ptr<float>();
    for (std::size_t i = 0; i < rows_.size(); ++i)
      if (!rows_[i].done) extend(i, {values + i * vocab, vocab});
    return std::any_of(rows_.begin(), rows_.end(), [](const Row& row) { return !row.done; });
  }

  void extend(std::size_t index, std::span<const float> logits) {
    Row& row = rows_[index];
    if (static_cast<std::int64_t>(row.seen.size()) >= model_.max_positions())
      return finish(index, FinishReason::kContext);
    const TokenId id = row.sampler.choose(logits, row.seen);
    if (std::find(options_.stop.begin(), options_.stop.end(), id) != options_.stop.end())
      return finish(index, FinishReason::kStop);
    row.seen.push_back(id);
    if (options_.on_token && !options_.on_token(index, id)) finish(index, FinishReason::kStop);
  }

  void finish(std::size_t index, FinishReason reason) {
    rows_[index].done = true;
    if (options_.on_finish) options_.on_finish(index, reason);
  }

  /// The last token of every row, also of those that have ended: their columns are seen by nobody else.
  TokenBatch newest_tokens() const {
    const auto rows = static_cast<std::int64_t>(rows_.size());
    TokenBatch batch{at::zeros({rows, 1}, at::kLong), at::zeros({rows, 1}, at::kLong),
                     at::zeros({rows, 1}, at::kLong)};
    auto ids = batch.ids.accessor<std::int64_t, 2>(),
         positions = batch.positions.accessor<std::int64_t, 2>();
    for (std::int64_t r = 0; r < rows; ++r) {
      const Row& row = rows_[static_cast<std::size_t>(r)];
      if (row.seen.empty()) continue;
      ids[r][0] = row.seen.back();
      positions[r][0] = static_cast<std::int64_t>(row.seen.size()) - 1;
    }
    return batch;
  }

  const CausalLm& model_;
  const GenerateOptions& options_;
  std::int64_t width_, steps_;
  KvCache cache_;
  std::vector<Row> rows_;
  at::Tensor suppressed_;  ///< [S] int64, or undefined
};

}  // namespace

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kContext:
      return "context";
  }
  FENNEC_CHECK(false, "unknown finish reason");
}

Prompts generate(const CausalLm& model, const Prompts& prompts, const GenerateOptions& options) {
  const at::NoGradGuard no_grad;
  const PromptLengths lengths = measure(prompts, model.max_positions());
  if (lengths.longest == 0 || options.max_new_tokens <= 0) return Prompts(prompts.size());
  return BatchGeneration(model, prompts, options, lengths).run(prompts);
}

std::vector<TokenId> ids_without_token(const Tokenizer& tokenizer, std::int64_t vocab_size) {
  std::vector<TokenId> ids;
  for (TokenId id = 0; id < vocab_size; ++id)
    if (!tokenizer.token_of(id)) ids.push_back(id);
  return ids;
}

}  // namespace fennec
