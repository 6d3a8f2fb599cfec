#include "model/ops/lora_products.h"

#include <algorithm>
#include <cstdint>
#include <memory>

#include <ATen/ATen.h>

#include "model/ops/tile_product.h"

namespace fennec {
namespace {

/// A small matrix that lives for one product; at::empty would cost ten times as much.
struct Scratch {
  explicit Scratch(std::int64_t count)
      : values(std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(count))) {}
  std::unique_ptr<float[]> values;
  float* data() const { return values.get(); }
};

/// The adapted linears' columns in U = x·Aᵀ and V = s·G·B.
struct Ranks {
  std::vector<std::int64_t> first, count;  // by linear; count 0: no adapter
  std::int64_t total = 0;

  explicit Ranks(const std::vector<LoraLinear>& linears) {
    for (const LoraLinear& linear : linears) {
      first.push_back(total);
      count.push_back(linear.a.defined() ? linear.a.size(0) : 0);
      total += count.back();
    }
  }
};

at::Tensor stack_a(const std::vector<LoraLinear>& linears) {
  std::vector<at::Tensor> parts;
  for (const LoraLinear& linear : linears)
    if (linear.a.defined()) parts.push_back(linear.a);
  return parts.size() == 1 ? parts[0].contiguous() : at::cat(parts);
}

/// U = x·Aᵀ for all A at once.
at::Tensor low_rank_inputs(const at::Tensor& x, const at::Tensor& stacked) {
  const std::int64_t ranks = stacked.size(0), width = x.size(1);
  at::Tensor u = at::empty({x.size(0), ranks}, x.options());
  const Scratch a_transposed(ranks * width);
  transpose_scaled(ranks, width, stacked.data_ptr<float>(), width, 1, a_transposed.data(), ranks);
  parallel_tile_rows({x.size(0), ranks, width, x.data_ptr<float>(), width, 1, a_transposed.data(),
                      ranks, u.data_ptr<float>(), ranks},
                     /*accumulate=*/false);
  return u;
}

/// y ← s·U·Bᵀ (+ y), U the linear's own columns.
void add_low_rank(const at::Tensor& u, std::int64_t first, const LoraLinear& linear, at::Tensor& y,
                  bool accumulate) {
  const at::Tensor b = linear.b.contiguous();
  const std::int64_t out = b.size(0), rank = b.size(1);
  const Scratch b_transposed(out * rank);
  transpose_scaled(out, rank, b.data_ptr<float>(), rank, static_cast<float>(linear.scale),
                   b_transposed.data(), out);
  parallel_tile_rows({y.size(0), out, rank, u.data_ptr<float>() + first, u.size(1), 1,
                      b_transposed.data(), out, y.data_ptr<float>(), out},
                     accumulate);
}

/// What the frozen product is added to is written first: residual or bias, then the low-rank part.
at::Tensor multiply_one(const at::Tensor& x, const at::Tensor& u, const LoraLinear& linear,
                        std::int64_t first, const at::Tensor& residual) {
  at::Tensor y = at::empty({x.size(0), linear.weight.out_features()}, x.options());
  bool written = residual.defined() || linear.bias.defined();
  if (residual.defined()) y.copy_(residual);
  if (linear.bias.defined() && residual.defined()) y.add_(linear.bias);
  if (linear.bias.defined() && !residual.defined()) y.copy_(linear.bias.expand_as(y));
  if (linear.a.defined()) {
    add_low_rank(u, first, linear, y, written);
    written = true;
  }
  linear.weight.multiply_transposed(x.size(0), x.data_ptr<float>(), y.data_ptr<float>(), written);
  return y;
}

/// to [count, right's columns] = columns first … first + count of `left`, transposed, times `right`.
void transposed_product(const at::Tensor& left, std::int64_t first, std::int64_t count,
                        const at::Tensor& right, float* to) {
  parallel_tile_columns({count, right.size(1), right.size(0), left.data_ptr<float>() + first, 1,
                         left.size(1), right.data_ptr<float>(), right.size(1), to, right.size(1)},
                        /*accumulate=*/false);
}

/// V = s·G·B in the linear's own columns.
void backward_low_rank(const at::Tensor& grad, const LoraLinear& linear, std::int64_t first,
                       at::Tensor& v) {
  const at::Tensor b = linear.b.contiguous();
  const Scratch scaled(b.numel());
  const float* from = b.data_ptr<float>();
  std::transform(from, from + b.numel(), scaled.data(),
                 [s = static_cast<float>(linear.scale)](float value) { return s * value; });
  const std::int64_t rank = b.size(1);
  parallel_tile_rows({grad.size(0), rank, grad.size(1), grad.data_ptr<float>(), grad.size(1), 1,
                      scaled.data(), rank, v.data_ptr<float>() + first, v.size(1)},
                     /*accumulate=*/false);
}

/// dB = s·Gᵀ·U
at::Tensor gradient_of_b(const at::Tensor& u, std::int64_t first, const LoraLinear& linear,
                         const at::Tensor& grad) {
  const std::int64_t out = linear.b.size(0), rank = linear.b.size(1);
  const Scratch transposed(rank * out);
  transposed_product(u, first, rank, grad, transposed.data());
  at::Tensor db = at::empty({out, rank}, grad.options());
  transpose_scaled(rank, out, transposed.data(), out, static_cast<float>(linear.scale),
                   db.data_ptr<float>(), rank);
  return db;
}

/// Appends dA and dB of every adapted linear.  @return V [N, Σ R]
at::Tensor factor_gradients(const at::Tensor& x, const std::vector<LoraLinear>& linears,
                            const std::vector<at::Tensor>& grads, const at::Tensor& u,
                            std::vector<at::Tensor>& factors) {
  const Ranks ranks(linears);
  at::Tensor v = at::empty_like(u), da = at::empty({ranks.total, x.size(1)}, x.options());
  for (std::size_t i = 0; i < linears.size(); ++i)
    if (ranks.count[i] > 0) backward_low_rank(grads[i], linears[i], ranks.first[i], v);
  transposed_product(v, 0, ranks.total, x, da.data_ptr<float>());
  for (std::size_t i = 0; i < linears.size(); ++i) {
    if (ranks.count[i] == 0) continue;
    factors.push_back(ranks.count[i] == ranks.total ? da
                                                    : da.narrow(0, ranks.first[i], ranks.count[i]));
    factors.push_back(gradient_of_b(u, ranks.first[i], linears[i], grads[i]));
  }
  return v;
}

/// dx = V·A + Σ G·W
at::Tensor input_gradient(const at::Tensor& x, const std::vector<LoraLinear>& linears,
                          const std::vector<at::Tensor>& grads, const at::Tensor& v,
                          const at::Tensor& stacked) {
  at::Tensor dx = at::empty_like(x);
  if (v.defined())
    parallel_tile_rows({x.size(0), x.size(1), v.size(1), v.data_ptr<float>(), v.size(1), 1,
                        stacked.data_ptr<float>(), x.size(1), dx.data_ptr<float>(), x.size(1)},
                       /*accumulate=*/false);
  for (std::size_t i = 0; i < linears.size(); ++i)
    linears[i].weight.multiply(x.size(0), grads[i].data_ptr<float>(), dx.data_ptr<float>(),
                               v.defined() || i > 0);
  return dx;
}

}  // namespace

std::vector<at::Tensor> multiply(const at::Tensor& x, const std::vector<LoraLinear>& linears,
                                 const at::Tensor& residual, LoraProducts& kept) {
  const Ranks ranks(linears);
  if (ranks.total > 0) {
    kept.stacked = stack_a(linears);
    kept.u = low_rank_inputs(x, kept.stacked);
  }
  std::vector<at::Tensor> outputs;
  for (std::size_t i = 0; i < linears.size(); ++i)
    outputs.push_back(multiply_one(x, kept.u, linears[i], ranks.first[i], residual));
  return outputs;
}

LoraGradients multiply_backward(const at::Tensor& x, const std::vector<LoraLinear>& linears,
                                const std::vector<at::Tensor>& grads, const LoraProducts& kept,
                                bool wants_dx) {
  LoraGradients result;
  at::Tensor v;
  if (kept.u.defined()) v = factor_gradients(x, linears, grads, kept.u, result.factors);
  if (wants_dx) result.dx = input_gradient(x, linears, grads, v, kept.stacked);
  return result;
}

}  // namespace fennec
