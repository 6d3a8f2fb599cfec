#pragma once
#include <cstdint>
#include <memory>

namespace fennec {

/// Causal attention of one document under one kv-head and the query heads it serves, over raw memory.
/// A gradient lies as what it is the gradient of.
struct AttentionPart {
  std::int64_t length, width, heads;  ///< tokens; E; query heads of this kv-head
  std::int64_t window;                ///< 0: no limit
  float scale;                        ///< 1/√E
  const float *q, *k, *v;
  std::int64_t q_head, q_token;  ///< from one query head, one token to the next in q
  std::int64_t kv_token;         ///< from one token to the next in k and v
  std::int64_t out_token;        ///< and in the output, where the heads of a token lie side by side
  float* log_sum;                ///< [heads, ·], a head every `log_sum_head`
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
