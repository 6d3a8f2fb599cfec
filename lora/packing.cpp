#include "lora/packing.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/error.h"

namespace fennec {

namespace {

constexpr std::int64_t kIgnored = -100;

struct OpenRow {
  PackedRow examples;
  std::size_t tokens = 0;
};

std::vector<OpenRow> first_fit(const std::vector<TokenizedExample>& examples,
                               const std::vector<std::size_t>& order, std::size_t row_tokens) {
  std::vector<OpenRow> rows;
  std::size_t shortest = row_tokens;
  for (const auto& example : examples) shortest = std::min(shortest, example.ids.size());
  std::size_t first_open = 0;  // rows before it cannot take even the shortest example
  for (const std::size_t index : order) {
    const std::size_t size = examples[index].ids.size();
    while (first_open < rows.size() && rows[first_open].tokens + shortest > row_tokens) ++first_open;
    std::size_t row = first_open;
    while (row < rows.size() && rows[row].tokens + size > row_tokens) ++row;
    if (row == rows.size()) rows.emplace_back();
    rows[row].examples.push_back(index);
    rows[row].tokens += size;
  }
  return rows;
}

/// Rows of like length together, within a window small enough that a step still mixes examples of a
/// whole epoch.
void sort_windows(std::vector<OpenRow>& rows) {
  constexpr std::size_t kWindow = 64;
  for (std::size_t begin = 0; begin < rows.size(); begin += kWindow) {
    const auto first = rows.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last =
        rows.begin() + static_cast<std::ptrdiff_t>(std::min(begin + kWindow, rows.size()));
    std::stable_sort(first, last,
                     [](const OpenRow& a, const OpenRow& b) { return a.tokens > b.tokens; });
  }
}

std::vector<std::vector<OpenRow>> cut_into_batches(std::vector<OpenRow> rows,
                                                   std::size_t batch_tokens) {
  std::vector<std::vector<OpenRow>> batches;
  std::size_t width = 0;
  for (OpenRow& row : rows) {
    const std::size_t wider = std::max(width, row.tokens);
    if (batches.empty() || wider * (batches.back().size() + 1) > batch_tokens) {
      batches.emplace_back();
      width = row.tokens;
    } else {
      width = wider;
    }
    batches.back().push_back(std::move(row));
  }
  return batches;
}

std::vector<std::vector<OpenRow>> pack(const std::vector<TokenizedExample>& examples,
                                       const std::vector<std::size_t>& order,
                                       const PackingLimits& limits) {
  auto rows = first_fit(examples, order, limits.row_tokens);
  sort_windows(rows);
  return cut_into_batches(std::move(rows), limits.batch_tokens);
}

std::vector<std::size_t> all_indices(const std::vector<TokenizedExample>& examples) {
  std::vector<std::size_t> order(examples.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

/// Work of one pass in tokens: padding counts, and attention adds as much again at kEven tokens a row
/// (about where it does for a model of width 128; wider models mind long rows less).
double cost_of(const std::vector<std::vector<OpenRow>>& batches) {
  constexpr double kEven = 768;
  double cost = 0;
  for (const auto& batch : batches) {
    std::size_t width = 0;
    for (const OpenRow& row : batch) width = std::max(width, row.tokens);
    const auto padded = static_cast<double>(width * batch.size());
    cost += padded * (1 + static_cast<double>(width) / kEven);
  }
  return cost;
}

std::size_t tokens_of(const std::vector<TokenizedExample>& examples, const PackedRow& row) {
  std::size_t tokens = 0;
  for (const std::size_t index : row) tokens += examples[index].ids.size();
  return tokens;
}

/// Writes one document into the rows, from token `offset` of the flattened batch.
void place(TrainBatch& batch, const TokenizedExample& example, std::size_t offset,
           std::int64_t document) {
  std::copy(example.ids.begin(), example.ids.end(), batch.tokens.ids.data_ptr<std::int64_t>() + offset);
  std::int64_t* labels = batch.labels.data_ptr<std::int64_t>() + offset;
  // The first token of a document has nothing before it to be predicted from.
  for (std::size_t i = std::max<std::size_t>(example.prompt_tokens, 1); i < example.ids.size(); ++i)
    labels[i] = example.ids[i];
  if (!batch.tokens.segments.defined()) return;
  std::fill_n(batch.tokens.segments.data_ptr<std::int64_t>() + offset, example.ids.size(), document);
  std::int64_t* positions = batch.tokens.positions.data_ptr<std::int64_t>() + offset;
  std::iota(positions, positions + example.ids.size(), std::int64_t{0});
}

}  // namespace

std::size_t best_row_tokens(const std::vector<TokenizedExample>& examples, std::size_t longest,
                            std::size_t batch_tokens) {
  std::size_t needed = 1;
  for (const TokenizedExample& example : examples) needed = std::max(needed, example.ids.size());
  const auto order = all_indices(examples);
  std::size_t best = longest;
  double best_cost = 0;
  for (std::size_t candidate = needed; candidate <= longest; candidate += (candidate + 1) / 2) {
    const double cost = cost_of(pack(examples, order, {candidate, batch_tokens}));
    if (candidate > needed && cost >= best_cost) continue;
    best = candidate;
    best_cost = cost;
  }
  return best;
}

std::vector<PackedBatch> pack_epoch(const std::vector<TokenizedExample>& examples,
                                    const PackingLimits& limits, Seed seed) {
  RandomStream stream(seed);
  auto order = all_indices(examples);
  stream.shuffle(order);
  auto packed = pack(examples, order, limits);
  stream.shuffle(packed);
  std::vector<PackedBatch> batches;
  batches.reserve(packed.size());
  for (auto& rows : packed) {
    PackedBatch& batch = batches.emplace_back();
    for (OpenRow& row : rows) batch.push_back(std::move(row.examples));
  }
  return batches;
}

TrainBatch make_batch(const std::vector<TokenizedExample>& examples, const PackedBatch& rows) {
  std::size_t width = 0, documents = 0;
  for (const PackedRow& row : rows) {
    width = std::max(width, tokens_of(examples, row));
    documents += row.size();
  }
  const std::vector<std::int64_t> shape{static_cast<std::int64_t>(rows.size()),
                                        static_cast<std::int64_t>(width)};
  TrainBatch batch;
  batch.tokens.ids = at::zeros(shape, at::kLong);
  batch.labels = at::full(shape, kIgnored, at::kLong);
  // One document a row needs no segments: attention is causal anyway, and what follows its end has no
  // label.
  if (documents > rows.size()) {
    batch.tokens.segments = at::full(shape, -1, at::kLong);
    batch.tokens.positions = at::zeros(shape, at::kLong);
  }
  std::int64_t document = 0;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::size_t offset = r * width;
    for (const std::size_t index : rows[r]) {
      batch.examples.push_back({index, static_cast<std::int64_t>(offset)});
      place(batch, examples[index], offset, document++);
      offset += examples[index].ids.size();
    }
  }
  return batch;
}

BatchSchedule::BatchSchedule(const std::vector<TokenizedExample>& examples, const TrainConfig& config,
                             Seed seed)
    : examples_(examples), seed_(seed) {
  FENNEC_CHECK(!examples.empty());
  limits_.batch_tokens = static_cast<std::size_t>(config.batch_tokens);
  limits_.row_tokens = best_row_tokens(examples, static_cast<std::size_t>(config.max_sequence_tokens),
                                       limits_.batch_tokens);
  total_steps_ = config.local_steps;
  if (config.local_epochs <= 0) return;
  total_steps_ = 0;
  for (int i = 0; i < config.local_epochs; ++i)
    total_steps_ += static_cast<std::int64_t>(epoch_size(static_cast<std::size_t>(i)));
}

const std::vector<PackedBatch>& BatchSchedule::epoch(std::size_t index) {
  if (current_index_ != index)
    current_ = pack_epoch(examples_, limits_, seed_.child("batch_order", index));
  current_index_ = index;
  return current_;
}

std::size_t BatchSchedule::epoch_size(std::size_t index) {
  while (sizes_.size() <= index) sizes_.push_back(epoch(sizes_.size()).size());
  return sizes_[index];
}

TrainBatch BatchSchedule::at(std::int64_t step) {
  FENNEC_CHECK(step >= 0);
  auto left = static_cast<std::size_t>(step);
  std::size_t index = 0;
  while (left >= epoch_size(index)) left -= epoch_size(index++);
  return make_batch(examples_, epoch(index)[left]);
}

}  // namespace fennec
