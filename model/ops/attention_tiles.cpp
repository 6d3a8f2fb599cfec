#include "model/ops/attention_tiles.h"

#include <algorithm>
#include <cmath>

#include "model/ops/row_kernels.h"
#include "model/ops/tile_product.h"

namespace fennec {
namespace {

using Index = std::int64_t;

/// Queries at a time: few, as those on the diagonal see less than the block computes.
constexpr Index kQueries = 24;

/// Queries first … first + rows − 1 and the keys that some of them see.
struct Block {
  Index first, rows, low, high;

  Block(const AttentionPart& part, Index first_query)
      : first(first_query),
        rows(std::min(kQueries, part.length - first_query)),
        low(part.window > 0 ? std::max<Index>(0, first_query - part.window + 1) : 0),
        high(first_query + rows) {}

  Index keys() const { return high - low; }
  /// The keys [begin, end) that the block's query i sees, counted from `low`.
  Index begin(const AttentionPart& part, Index i) const {
    return part.window > 0 ? std::max<Index>(0, first + i - part.window + 1 - low) : 0;
  }
  Index end(Index i) const { return first + i + 1 - low; }
};

void clear_hidden(float* row, Index begin, Index end, Index keys) {
  std::fill(row, row + begin, 0.0F);
  std::fill(row + end, row + keys, 0.0F);
}

const float* query_rows(const AttentionPart& part, Index head, const Block& block) {
  return part.q + head * part.q_head + block.first * part.q_token;
}

/// scores = q·kᵀ/√E
void compute_scores(const AttentionPart& part, AttentionScratch& scratch, Index head,
                    const Block& block) {
  tile_product({block.rows, block.keys(), part.width, query_rows(part, head, block), part.q_token, 1,
                scratch.keys.get() + block.low, scratch.step, scratch.scores.get(), scratch.step},
               /*accumulate=*/false);
}

/// scores ← softmax(scores), from the sums that the forward pass kept.
void restore_weights(const AttentionPart& part, AttentionScratch& scratch, Index head,
                     const Block& block) {
  compute_scores(part, scratch, head, block);
  const float* log_sum = part.log_sum + head * part.log_sum_head + block.first;
  for (Index i = 0; i < block.rows; ++i) {
    float* row = scratch.scores.get() + i * scratch.step;
    const Index begin = block.begin(part, i), end = block.end(i);
    exp_row(end - begin, log_sum[i], row + begin);
    clear_hidden(row, begin, end, block.keys());
  }
}

/// gradient ← the scores' gradient (by q·kᵀ), from the output's.
void score_gradients(const AttentionPart& part, AttentionScratch& scratch, const Block& block,
                     const float* grad) {
  tile_product({block.rows, block.keys(), part.width, grad, part.out_token, 1,
                scratch.values.get() + block.low, scratch.step, scratch.gradient.get(), scratch.step},
               /*accumulate=*/false);
  for (Index i = 0; i < block.rows; ++i) {
    const float* weights = scratch.scores.get() + i * scratch.step;
    float* row = scratch.gradient.get() + i * scratch.step;
    const Index begin = block.begin(part, i), end = block.end(i), visible = end - begin;
    softmax_backward_row(visible, weights + begin, row_dot(visible, weights + begin, row + begin),
                         part.scale, row + begin);
    clear_hidden(row, begin, end, block.keys());
  }
}

std::unique_ptr<float[]> floats(Index count) {
  return std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(count));
}

}  // namespace

// Rows a little apart from a power of two, which would put them all into the same few cache lines.
AttentionScratch::AttentionScratch(std::int64_t length, std::int64_t width)
    : step((length + 15) / 16 * 16 + 16),
      keys(floats(width * step)),
      values(floats(width * step)),
      scores(floats(kQueries * step)),
      gradient(floats(kQueries * step)) {}

void attend_part(const AttentionPart& part, AttentionScratch& scratch, float* out) {
  transpose_scaled(part.length, part.width, part.k, part.kv_token, part.scale, scratch.keys.get(),
                   scratch.step);
  for (Index head = 0; head < part.heads; ++head) {
    float* log_sum = part.log_sum + head * part.log_sum_head;
    for (Index first = 0; first < part.length; first += kQueries) {
      const Block block(part, first);
      compute_scores(part, scratch, head, block);
      float inverse[kQueries];
      for (Index i = 0; i < block.rows; ++i) {
        float* row = scratch.scores.get() + i * scratch.step;
        const Index begin = block.begin(part, i), end = block.end(i);
        const float most = row_max(end - begin, row + begin),
                    sum = exp_row(end - begin, most, row + begin);
        clear_hidden(row, begin, end, block.keys());
        log_sum[first + i] = most + std::log(sum);
        inverse[i] = 1 / sum;
      }
      float* to = out + first * part.out_token + head * part.width;
      tile_product({block.rows, part.width, block.keys(), scratch.scores.get(), scratch.step, 1,
                    part.v + block.low * part.kv_token, part.kv_token, to, part.out_token},
                   /*accumulate=*/false);
      for (Index i = 0; i < block.rows; ++i) scale_row(part.width, inverse[i], to + i * part.out_token);
    }
  }
}

void attend_part_backward(const AttentionPart& part, AttentionScratch& scratch, const float* grad,
                          float* dq, float* dk, float* dv) {
  transpose_scaled(part.length, part.width, part.k, part.kv_token, part.scale, scratch.keys.get(),
                   scratch.step);
  transpose_scaled(part.length, part.width, part.v, part.kv_token, 1, scratch.values.get(),
                   scratch.step);
  for (Index i = 0; i < part.length; ++i) {
    std::fill_n(dk + i * part.kv_token, part.width, 0.0F);
    std::fill_n(dv + i * part.kv_token, part.width, 0.0F);
  }
  for (Index head = 0; head < part.heads; ++head)
    for (Index first = 0; first < part.length; first += kQueries) {
      const Block block(part, first);
      const float* block_grad = grad + first * part.out_token + head * part.width;
      restore_weights(part, scratch, head, block);
      score_gradients(part, scratch, block, block_grad);
      const Index from = block.low * part.kv_token;
      tile_product(
          {block.rows, part.width, block.keys(), scratch.gradient.get(), scratch.step, 1, part.k + from,
           part.kv_token, dq + head * part.q_head + first * part.q_token, part.q_token},
          /*accumulate=*/false);
      tile_product({block.keys(), part.width, block.rows, scratch.gradient.get(), 1, scratch.step,
                    query_rows(part, head, block), part.q_token, dk + from, part.kv_token},
                   /*accumulate=*/true);
      tile_product({block.keys(), part.width, block.rows, scratch.scores.get(), 1, scratch.step,
                    block_grad, part.out_token, dv + from, part.kv_token},
                   /*accumulate=*/true);
    }
}

}  // namespace fennec
