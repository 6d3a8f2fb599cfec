#include "model/step_memory.h"

#include <algorithm>

#include "core/error.h"
#include "model/model_config.h"
#include "model/ops/linear_cross_entropy.h"

namespace fennec {
namespace {

constexpr double kFloat = 4;
/// Code and libraries in memory, BLAS's packing buffers and malloc's reserves: measured, the same for
/// every model.
constexpr double kRuntimeBytes = 195e6;

double as_double(std::int64_t value) { return static_cast<double>(value); }

double bits_of(const std::string& precision) {
#define FENNEC_KIND_BITS(name, bits) \
  if (precision == #name) return bits;
  FENNEC_QUANTIZED_KINDS(FENNEC_KIND_BITS)
#undef FENNEC_KIND_BITS
  if (precision == "fp32") return 32;
  throw ConfigError("base precision '" + precision + "' is unknown; known: " + base_precisions());
}

double base_bytes(const ModelShape& m, const std::string& precision) {
  const std::string table = precision == "fp32" ? "fp32" : "int8";
  const double linears = as_double(m.linear_parameters()) * bits_of(precision) / 8;
  return linears + (m.tied_head ? 1 : 2) * weight_bytes(table, m.vocabulary, m.width);
}

std::int64_t mlp_values(const ModelShape& m) {
  switch (m.mlp) {
    case ModelShape::Mlp::kSwiGlu:  // gate and up
    case ModelShape::Mlp::kPlain:   // before and after the activation
      return 2 * m.intermediate;
    case ModelShape::Mlp::kGated:  // and their product
      return 3 * m.intermediate;
  }
  FENNEC_CHECK(false, "unknown MLP");
}

/// Kept of one layer for its backward pass, values a token: its input and the middle of the residual
/// stream, rotated q and k, v and the attention's output with a log-sum-exp a head, the MLP's, two
/// scales of norms, and x·Aᵀ of every adapted linear.
double layer_values(const ModelShape& m, const StepShape& step) {
  const std::int64_t queries = m.heads * m.head_width, keys = m.kv_heads * m.head_width;
  return as_double((m.parallel ? 1 : 2) * m.width + (m.fused_norms ? 0 : 2 * m.width) + 2 * queries +
                   2 * keys + m.heads + (m.head_norms ? queries + keys : 0) + mlp_values(m) + 2 +
                   step.layer_rank + step.branch_values);
}

/// What the widest point of a layer's backward pass adds: two gradients of the residual stream, and
/// what passes through the MLP at once.
double backward_values(const ModelShape& m) {
  std::int64_t parts = 1;  // a gradient, in place of what it came from
  if (m.mlp == ModelShape::Mlp::kSwiGlu) parts = 2;
  if (m.mlp == ModelShape::Mlp::kGated) parts = 3;
  return as_double(2 * m.width + parts * m.intermediate);
}

/// The widest point of a forward pass that keeps nothing: the residual stream before, within and after
/// a layer, and what is in the MLP at once; beside a gated one q, k and v are still there, beside a
/// branch that is not folded into its linear, what goes into it and what comes out.
double forward_values(const ModelShape& m, const StepShape& step) {
  const bool is_plain = m.mlp == ModelShape::Mlp::kPlain;
  const std::int64_t attention = is_plain ? 0 : (m.heads + 2 * m.kv_heads) * m.head_width,
                     branch = step.branch_values > 0 ? m.intermediate + m.width : 0;
  return as_double(3 * m.width + (is_plain ? 2 : 3) * m.intermediate + attention + branch);
}

/// The final norm's input and output, hidden states of supervised rows with their gradients, a block of
/// logits.
double loss_bytes(const ModelShape& m, const StepShape& step) {
  const std::int64_t supervised = step.supervised_tokens,
                     rows = std::min(supervised, logit_rows(m.vocabulary));
  return kFloat * as_double(2 * step.rows * step.row_tokens * m.width + 2 * supervised * m.width +
                            rows * m.vocabulary);
}

}  // namespace

double weight_bytes(const std::string& precision, std::int64_t rows, std::int64_t columns) {
  return as_double(rows) * as_double(columns) * bits_of(precision) / 8;
}

StepMemory estimate_step(const ModelShape& model, const StepShape& step) {
  StepMemory memory;
  memory.weights = base_bytes(model, step.base_precision);
  memory.adapter = kFloat * ((step.forward_only ? 3 : 5) * as_double(step.adapter_parameters) +
                             as_double(step.frozen_parameters));
  const std::int64_t adapted = model.layers - step.first_layer;
  const double tokens = as_double(step.rows * step.row_tokens),
               stream = kFloat * tokens * as_double(model.width),
               layer = kFloat * tokens * layer_values(model, step);
  double kept = as_double(adapted) * (step.gradient_checkpointing ? stream : layer),
         live = kFloat * tokens * backward_values(model);
  if (step.gradient_checkpointing) live += layer - stream;
  if (adapted == 0) {  // the head alone: what enters the final norm
    kept = stream;
    live = 0;
  }
  if (step.forward_only) {
    kept = 0;
    live = kFloat * tokens * forward_values(model, step);
  }
  memory.activations = kept + live;
  memory.prefix_cache = step.prefix_cache_bytes;
  memory.logits = std::max(0.0, kept + loss_bytes(model, step) - memory.activations);
  memory.runtime = kRuntimeBytes;
  return memory;
}

}  // namespace fennec
