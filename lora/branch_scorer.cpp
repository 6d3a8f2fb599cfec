#include "lora/branch_scorer.h"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

#include "core/error.h"
#include "model/attention_mask.h"

namespace fennec {
namespace {

constexpr std::int64_t kHeadRows = 1024;  // rows of logits in memory at a time

std::int64_t ssize(const std::vector<TokenId>& ids) { return static_cast<std::int64_t>(ids.size()); }

TokenBatch empty_batch(std::int64_t rows, std::int64_t width) {
  return {at::zeros({rows, width}, at::kLong), at::full({rows, width}, kPaddingSegment, at::kLong),
          at::zeros({rows, width}, at::kLong)};
}

/// Writes `ids` into a row from `column` on.
void write(const TokenBatch& batch, std::int64_t row, std::int64_t column,
           const std::vector<TokenId>& ids, std::int64_t segment, std::int64_t position) {
  auto id = batch.ids.accessor<std::int64_t, 2>(),
       segments = batch.segments.accessor<std::int64_t, 2>(),
       positions = batch.positions.accessor<std::int64_t, 2>();
  for (const TokenId token : ids) {
    id[row][column] = token;
    segments[row][column] = segment;
    positions[row][column++] = position++;
  }
}

}  // namespace

BranchScorer::BranchScorer(const CausalLm& model, std::vector<Ids> prompts, bool goes_on)
    : model_(model), pending_(std::move(prompts)), length_(pending_.size(), 0) {
  if (goes_on) cache_ = std::make_unique<KvCache>(model, static_cast<std::int64_t>(pending_.size()), 0);
}

TokenBatch BranchScorer::lay_out(const std::vector<std::vector<Ids>>& branches,
                                 std::vector<Prediction>& predictions) {
  const auto rows = static_cast<std::int64_t>(branches.size());
  width_ = 1;
  for (std::size_t r = 0; r < branches.size(); ++r) {
    std::int64_t width = ssize(pending_[r]);
    for (const Ids& ids : branches[r]) width += ssize(ids);
    width_ = std::max(width_, width);
  }
  TokenBatch batch = empty_batch(rows, width_);
  text_.assign(branches.size(), {});
  branches_.assign(branches.size(), {});
  for (std::size_t r = 0; r < branches.size(); ++r) {
    const auto row = static_cast<std::int64_t>(r);
    text_[r] = {0, ssize(pending_[r])};
    write(batch, row, 0, pending_[r], kSharedSegment, length_[r]);
    length_[r] += text_[r].length;
    std::int64_t column = text_[r].length;
    for (std::size_t b = 0; b < branches[r].size(); ++b) {
      const Ids& ids = branches[r][b];
      write(batch, row, column, ids, static_cast<std::int64_t>(b), length_[r]);
      for (std::int64_t i = 0; i < ssize(ids); ++i) {
        const bool after_text = i == 0, text_is_old = text_[r].length == 0;
        if (after_text && length_[r] == 0) continue;
        const std::int64_t before = after_text ? text_[r].length - 1 : column + i - 1;
        const std::int64_t source =
            after_text && text_is_old ? rows * width_ + row : row * width_ + before;
        predictions.push_back({source, ids[static_cast<std::size_t>(i)], r, b});
      }
      branches_[r].push_back({column, ssize(ids)});
      column += ssize(ids);
    }
  }
  return batch;
}

std::vector<std::vector<double>> BranchScorer::score(const std::vector<std::vector<Ids>>& branches) {
  FENNEC_CHECK(branches.size() == pending_.size());
  std::vector<Prediction> predictions;
  const TokenBatch batch = lay_out(branches, predictions);
  first_column_ = cache_ ? cache_->length() : 0;
  hidden_ = model_.hidden(batch, cache_.get()).flatten(0, 1);
  if (last_.defined()) hidden_ = at::cat({hidden_, last_});
  std::vector<std::vector<double>> scores(branches.size());
  for (std::size_t r = 0; r < branches.size(); ++r) scores[r].assign(branches[r].size(), 0);
  const std::vector<double> log_p = log_probs(predictions);
  for (std::size_t i = 0; i < predictions.size(); ++i)
    scores[predictions[i].row][predictions[i].branch] += log_p[i];
  for (Ids& ids : pending_) ids.clear();
  return scores;
}

/// log p(target | source) of each prediction, which are put in order of source: a source goes through
/// the head once.
std::vector<double> BranchScorer::log_probs(std::vector<Prediction>& predictions) const {
  std::stable_sort(predictions.begin(), predictions.end(),
                   [](const auto& a, const auto& b) { return a.source < b.source; });
  std::vector<double> result;
  result.reserve(predictions.size());
  for (std::size_t begin = 0; begin < predictions.size();) {
    std::vector<std::int64_t> sources, row, target;
    std::size_t end = begin;
    for (; end < predictions.size(); ++end) {
      const Prediction& p = predictions[end];
      const bool is_new = sources.empty() || sources.back() != p.source;
      if (is_new && static_cast<std::int64_t>(sources.size()) == kHeadRows) break;
      if (is_new) sources.push_back(p.source);
      row.push_back(static_cast<std::int64_t>(sources.size()) - 1);
      target.push_back(p.target);
    }
    const at::Tensor logits =
        at::log_softmax(model_.head(hidden_.index_select(0, at::tensor(sources))), -1);
    const at::Tensor chosen =
        logits.index({at::tensor(row), at::tensor(target)}).to(at::kDouble).contiguous();
    result.insert(result.end(), chosen.data_ptr<double>(), chosen.data_ptr<double>() + chosen.numel());
    begin = end;
  }
  return result;
}

void BranchScorer::commit(const std::vector<std::int64_t>& chosen) {
  FENNEC_CHECK(cache_ != nullptr && chosen.size() == branches_.size());
  auto segments = cache_->segments().accessor<std::int64_t, 2>();
  const auto rows = static_cast<std::int64_t>(chosen.size());
  std::vector<std::int64_t> sources;
  for (std::size_t r = 0; r < chosen.size(); ++r) {
    const auto row = static_cast<std::int64_t>(r);
    std::int64_t source =
        text_[r].length > 0 ? row * width_ + text_[r].length - 1 : rows * width_ + row;
    for (std::size_t b = 0; b < branches_[r].size(); ++b) {
      const Span span = branches_[r][b];
      const bool taken = static_cast<std::int64_t>(b) == chosen[r];
      for (std::int64_t i = 0; i < span.length; ++i)
        segments[row][first_column_ + span.begin + i] = taken ? kSharedSegment : kPaddingSegment;
      if (!taken || span.length == 0) continue;
      source = row * width_ + span.begin + span.length - 1;
      length_[r] += span.length;
    }
    sources.push_back(std::min(source, hidden_.size(0) - 1));  // an empty text has no last token
  }
  last_ = hidden_.index_select(0, at::tensor(sources));
}

void BranchScorer::generate(std::int64_t max_new_tokens,
                            const std::function<bool(std::size_t, TokenId)>& accept) {
  FENNEC_CHECK(cache_ != nullptr && last_.defined());
  const auto rows = static_cast<std::int64_t>(length_.size());
  std::vector<bool> goes_on(length_.size(), true);
  for (std::int64_t step = 0; step < max_new_tokens; ++step) {
    const at::Tensor next = model_.head(last_).argmax(-1);
    const auto ids = next.accessor<std::int64_t, 1>();
    bool any = false;
    for (std::size_t r = 0; r < goes_on.size(); ++r) {
      goes_on[r] = goes_on[r] && accept(r, static_cast<TokenId>(ids[static_cast<std::int64_t>(r)]));
      any = any || goes_on[r];
    }
    if (!any || step + 1 == max_new_tokens) break;
    TokenBatch batch{next.view({rows, 1}), at::full({rows, 1}, kSharedSegment, at::kLong),
                     at::tensor(length_).view({rows, 1})};
    last_ = model_.hidden(batch, cache_.get()).select(1, 0);
    for (auto& length : length_) ++length;
  }
}

}  // namespace fennec
