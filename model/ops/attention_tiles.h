#pragma once
#include <cstdint>
#include <memory>

namespace fennec {

/// Causal attention of one document under one kv-head and the query heads it serves, over raw memory.
/// Keys and values lie in rows of `width`; queries too, head after head; the output and its gradient
/// have the heads of a token side by side.
struct AttentionPart {
  std::int64_t length, width, heads;  ///< tokens; E; query heads of this kv-head
  std::int64_t window;                ///< 0: no limit
  float scale;                        ///< 1/√E
  const float *q, *k, *v;
  std::int64_t q_head;     ///< from one head of q (and dq) to the next
  std::int64_t out_token;  ///< from one token of the output (and its gradient) to the next
  float* log_sum;          ///< [heads, ·], a head every `log_sum_head`
  std::int64_t log_sum_head;
};

/// Memory for one document of at most `length` tokens; one a thread.
class AttentionScratch {
 public:
  AttentionScratch(std::int64_t length, std::int64_t width);
  std::int64_t step;                          ///< of the rows below
  std::unique_ptr<float[]> keys, values;      ///< transposed: [width, step]
  std::unique_ptr<float[]> scores, gradient;  ///< [kQueries, step]
};

/// Writes out and part.log_sum.
void attend_part(const AttentionPart& part, AttentionScratch& scratch, float* out);
/// Writes dq, dk and dv from the output's gradient and part.log_sum.
void attend_part_backward(const AttentionPart& part, AttentionScratch& scratch, const float* grad,
                          float* dq, float* dk, float* dv);

}  // namespace fennec
