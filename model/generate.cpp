#include "model/generate.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/error.h"
#include "model/attention_mask.h"
#include "model/kv_cache.h"

namespace fennec {
namespace {

/// The prompts as right-padded rows of one batch.
TokenBatch to_batch(const std::vector<std::vector<TokenId>>& prompts, std::int64_t width) {
  const auto rows = static_cast<std::int64_t>(prompts.size());
  TokenBatch batch{at::zeros({rows, width}, at::kLong),
                   at::full({rows, width}, kPaddingSegment, at::kLong),
                   at::zeros({rows, width}, at::kLong)};
  auto ids = batch.ids.accessor<std::int64_t, 2>(),
       segments = batch.segments.accessor<std::int64_t, 2>(),
       positions = batch.positions.accessor<std::int64_t, 2>();
  for (std::int64_t r = 0; r < rows; ++r) {
    const auto& prompt = prompts[static_cast<std::size_t>(r)];
    for (std::int64_t t = 0; t < static_cast<std::int64_t>(prompt.size()); ++t) {
      ids[r][t] = prompt[static_cast<std::size_t>(t)];
      segments[r][t] = 0;
      positions[r][t] = t;
    }
  }
  return batch;
}

class GreedyDecoder {
 public:
  GreedyDecoder(const CausalLm& model, const std::vector<std::vector<TokenId>>& prompts,
                const GenerateOptions& options, std::int64_t width)
      : model_(model),
        prompts_(prompts),
        options_(options),
        cache_(model, static_cast<std::int64_t>(prompts.size()), width + options.max_new_tokens),
        answers_(prompts.size()),
        done_(prompts.size()) {
    for (std::size_t i = 0; i < prompts.size(); ++i) done_[i] = prompts[i].empty();
  }

  std::vector<std::vector<TokenId>> run(std::int64_t width) {
    const auto rows = static_cast<std::int64_t>(prompts_.size());
    const at::Tensor h = model_.hidden(to_batch(prompts_, width), &cache_);  // [B, T, D]
    at::Tensor last = at::empty({rows}, at::kLong);
    for (std::int64_t r = 0; r < rows; ++r)
      last[r] = std::max<std::int64_t>(
          0, static_cast<std::int64_t>(prompts_[static_cast<std::size_t>(r)].size()) - 1);
    at::Tensor next = choose(h.index({at::arange(rows, at::kLong), last}));
    for (std::int64_t step = 1; accept(next) && step < options_.max_new_tokens; ++step) {
      // Rows that have ended go on for the others' sake, but not beyond the positions there are.
      const at::Tensor positions = (last + step).clamp_max(model_.max_positions() - 1);
      TokenBatch batch{next.view({rows, 1}), at::zeros({rows, 1}, at::kLong),
                       positions.view({rows, 1})};
      next = choose(model_.hidden(batch, &cache_).select(1, 0));
    }
    return std::move(answers_);
  }

 private:
  at::Tensor choose(const at::Tensor& h) const { return model_.head(h).argmax(-1); }

  /// Appends the chosen tokens; false when every row has ended.
  bool accept(const at::Tensor& next) {
    const auto ids = next.accessor<std::int64_t, 1>();
    for (std::size_t i = 0; i < done_.size(); ++i) {
      const auto length = static_cast<std::int64_t>(prompts_[i].size() + answers_[i].size());
      const auto id = static_cast<TokenId>(ids[static_cast<std::int64_t>(i)]);
      if (done_[i]) continue;
      done_[i] = length >= model_.max_positions() ||
                 std::find(options_.stop.begin(), options_.stop.end(), id) != options_.stop.end();
      if (done_[i]) continue;
      answers_[i].push_back(id);
      if (options_.on_token) options_.on_token(i, id);
    }
    return std::find(done_.begin(), done_.end(), false) != done_.end();
  }

  const CausalLm& model_;
  const std::vector<std::vector<TokenId>>& prompts_;
  const GenerateOptions& options_;
  KvCache cache_;
  std::vector<std::vector<TokenId>> answers_;
  std::vector<bool> done_;
};

}  // namespace

std::vector<std::vector<TokenId>> generate(const CausalLm& model,
                                           const std::vector<std::vector<TokenId>>& prompts,
                                           const GenerateOptions& options) {
  const at::NoGradGuard no_grad;
  std::size_t width = 0;
  for (const auto& prompt : prompts) width = std::max(width, prompt.size());
  if (width == 0 || options.max_new_tokens <= 0)
    return std::vector<std::vector<TokenId>>(prompts.size());
  return GreedyDecoder(model, prompts, options, static_cast<std::int64_t>(width))
      .run(static_cast<std::int64_t>(width));
}

}  // namespace fennec
