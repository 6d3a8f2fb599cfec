#include "lora/example_scores.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/digest.h"
#include "core/rng.h"
#include "lora/frozen_prefix.h"
#include "lora/packing.h"
#include "model/causal_lm.h"

namespace fennec {
namespace {

constexpr std::int64_t kDimensions = 32;
constexpr std::int64_t kScoredRows = 256;  // hidden states that go through the head at a time

std::uint64_t digest_of(const TokenizedExample& example) {
  Sha256 hash;
  const std::uint64_t prompt = example.prompt_tokens;
  hash.update(std::as_bytes(std::span(&prompt, 1)));
  hash.update(std::as_bytes(std::span(example.ids)));
  const Sha256Digest digest = hash.finish();
  std::uint64_t key = 0;
  std::memcpy(&key, digest.data(), sizeof key);
  return key;
}

/// Rows of like length together, in an order that depends on the examples alone.
std::vector<PackedBatch> batches_of(const std::vector<TokenizedExample>& examples,
                                    const std::vector<ExampleScore>& scores, std::size_t batch_tokens) {
  std::vector<std::size_t> order(examples.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    return std::tuple(examples[a].ids.size(), scores[a].key, a) <
           std::tuple(examples[b].ids.size(), scores[b].key, b);
  });
  std::vector<PackedBatch> batches;
  for (const std::size_t index : order) {
    const std::size_t width = examples[index].ids.size();  // the longest so far
    if (batches.empty() || width * (batches.back().size() + 1) > batch_tokens) batches.emplace_back();
    batches.back().push_back({index});
  }
  return batches;
}

/// Means over the completion tokens of one row.
struct RowScore {
  double loss = 0, el2n = 0;
  std::int64_t tokens = 0;
};

/// @param hidden [B, T, D]
std::vector<RowScore> score_rows(const CausalLm& model, const at::Tensor& hidden,
                                 const at::Tensor& labels) {
  const std::int64_t rows = labels.size(0), width = labels.size(1);
  std::vector<RowScore> scores(static_cast<std::size_t>(rows));
  if (width < 2) return scores;
  const at::Tensor next = labels.narrow(1, 1, width - 1).contiguous();  // what position t predicts
  const at::Tensor places = next.flatten().ne(-100).nonzero().flatten();
  const at::Tensor states = hidden.narrow(1, 0, width - 1).flatten(0, 1);
  for (std::int64_t begin = 0; begin < places.numel(); begin += kScoredRows) {
    const at::Tensor part = places.narrow(0, begin, std::min(kScoredRows, places.numel() - begin));
    const at::Tensor targets = next.flatten().index_select(0, part).unsqueeze(1);  // [N, 1]
    const at::Tensor log_p = at::log_softmax(model.head(states.index_select(0, part)), -1);
    const at::Tensor log_y = log_p.gather(1, targets).squeeze(1);  // [N]
    const at::Tensor p = log_p.exp();
    // ‖p − onehot(y)‖² = Σp² − 2·p_y + 1
    const at::Tensor error = ((p * p).sum(1) - 2 * log_y.exp() + 1).clamp_min(0).sqrt();  // [N]
    for (std::int64_t i = 0; i < part.numel(); ++i) {
      RowScore& row = scores[static_cast<std::size_t>(part.data_ptr<std::int64_t>()[i] / (width - 1))];
      row.loss -= static_cast<double>(log_y.data_ptr<float>()[i]);
      row.el2n += static_cast<double>(error.data_ptr<float>()[i]);
      ++row.tokens;
    }
  }
  for (RowScore& row : scores) {
    const auto n = static_cast<double>(std::max<std::int64_t>(row.tokens, 1));
    row.loss /= n;
    row.el2n /= n;
  }
  return scores;
}

/// Random signs over √32: keeps squared lengths in the mean.
at::Tensor projection(std::int64_t width) {
  at::Tensor signs = at::zeros({width, kDimensions}, at::kFloat);
  const std::span<float> values(signs.data_ptr<float>(), static_cast<std::size_t>(signs.numel()));
  add_signs(Seed(0).child("selection_projection"),
            static_cast<float>(1 / std::sqrt(static_cast<double>(kDimensions))), values, values);
  return signs;
}

class Scorer {
 public:
  Scorer(const CausalLm& model, std::size_t batch_tokens, const std::stop_token& stop)
      : model_(model), batch_tokens_(batch_tokens), stop_(stop) {}

  using OnBatch = std::function<void(const PackedBatch&, const at::Tensor& hidden,
                                     const std::vector<RowScore>& rows)>;
  /// @return false when stopped
  bool run(const std::vector<TokenizedExample>& examples, const std::vector<ExampleScore>& keys,
           FrozenPrefix* prefix, const OnBatch& on_batch) const {
    for (const PackedBatch& rows : batches_of(examples, keys, batch_tokens_)) {
      if (stop_.stop_requested()) return false;
      TrainBatch batch = make_batch(examples, rows);
      if (prefix != nullptr) prefix->enter(examples, batch);
      const at::Tensor hidden = model_.hidden(batch.tokens);
      on_batch(rows, hidden, score_rows(model_, hidden, batch.labels));
    }
    return true;
  }

 private:
  const CausalLm& model_;
  std::size_t batch_tokens_;
  const std::stop_token& stop_;
};

void store_point(const at::Tensor& hidden, std::int64_t row, std::size_t tokens,
                 const at::Tensor& signs, float* out) {
  const at::Tensor mean = hidden.select(0, row).narrow(0, 0, static_cast<std::int64_t>(tokens)).mean(0);
  const at::Tensor point = at::mv(signs.t(), mean).contiguous();  // [32]
  std::copy_n(point.data_ptr<float>(), kDimensions, out);
}

/// The completion after the example's first token.
TokenizedExample without_prompt(const TokenizedExample& example) {
  TokenizedExample alone = example;
  alone.ids.erase(alone.ids.begin() + 1,
                  alone.ids.begin() + static_cast<std::ptrdiff_t>(example.prompt_tokens));
  alone.prompt_tokens = 1;
  return alone;
}

}  // namespace

Result<ScoredExamples> score_examples(const CausalLm& model,
                                      const std::vector<TokenizedExample>& examples,
                                      std::size_t batch_tokens, const std::stop_token& stop,
                                      FrozenPrefix* prefix) {
  const at::NoGradGuard no_grad;
  ScoredExamples out;
  out.dimensions = kDimensions;
  out.points.resize(examples.size() * kDimensions);
  for (const TokenizedExample& example : examples)
    out.scores.push_back({0, 0, 0, example.label, digest_of(example)});
  const Scorer scorer(model, batch_tokens, stop);
  at::Tensor signs;
  const bool whole = scorer.run(
      examples, out.scores, prefix, [&](const auto& batch, const auto& hidden, const auto& rows) {
        if (!signs.defined()) signs = projection(hidden.size(2));
        for (std::size_t r = 0; r < batch.size(); ++r) {
          const std::size_t index = batch[r].front();
          ExampleScore& score = out.scores[index];
          score.loss = rows[r].loss;
          score.el2n = rows[r].el2n;
          if (rows[r].tokens == 0) score.ifd = std::numeric_limits<double>::infinity();
          store_point(hidden, static_cast<std::int64_t>(r), examples[index].ids.size(), signs,
                      out.points.data() + index * kDimensions);
        }
      });
  std::vector<TokenizedExample> alone;
  std::vector<ExampleScore> keys;
  std::vector<std::size_t> source;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (examples[i].prompt_tokens < 2 || out.scores[i].ifd > 0) continue;
    alone.push_back(without_prompt(examples[i]));
    keys.push_back(out.scores[i]);
    source.push_back(i);
  }
  const bool both =
      whole && scorer.run(alone, keys, nullptr, [&](const auto& batch, const auto&, const auto& rows) {
        for (std::size_t r = 0; r < batch.size(); ++r) {
          ExampleScore& score = out.scores[source[batch[r].front()]];
          score.ifd = std::exp(score.loss - rows[r].loss);
        }
      });
  if (!both) return fail(ErrorCode::kBudget, "stopped while scoring the examples");
  return out;
}

}  // namespace fennec
