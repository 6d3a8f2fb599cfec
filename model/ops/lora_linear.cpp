#include "model/ops/lora_linear.h"

#include <algorithm>
#include <cstdint>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/ops/gemm.h"
#include "model/ops/tile_product.h"

namespace fennec {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

/// The adapted linears' columns in U = x·Aᵀ and V = s·G·B, which hold all their ranks side by side.
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

/// All A below each other: [Σ R, in].
at::Tensor stack_a(const std::vector<LoraLinear>& linears) {
  std::vector<at::Tensor> parts;
  for (const LoraLinear& linear : linears)
    if (linear.a.defined()) parts.push_back(linear.a);
  return parts.size() == 1 ? parts[0].contiguous() : at::cat(parts);
}

at::Tensor transposed(const at::Tensor& x, double scale) {
  at::Tensor out = at::empty({x.size(1), x.size(0)}, x.options());
  transpose_scaled(x.size(0), x.size(1), x.data_ptr<float>(), x.size(1), static_cast<float>(scale),
                   out.data_ptr<float>(), x.size(0));
  return out;
}

/// y ← s·U·Bᵀ (+ y), U the linear's own columns.
void add_low_rank(const at::Tensor& u, std::int64_t first, const LoraLinear& linear, at::Tensor& y,
                  bool accumulate) {
  const at::Tensor bt = transposed(linear.b.contiguous(), linear.scale);  // [R, out]
  parallel_tile_rows({y.size(0), y.size(1), bt.size(0), u.data_ptr<float>() + first, u.size(1), 1,
                      bt.data_ptr<float>(), bt.size(1), y.data_ptr<float>(), y.size(1)},
                     accumulate);
}

at::Tensor forward_one(const at::Tensor& x, const at::Tensor& u, const LoraLinear& linear,
                       std::int64_t first) {
  const GemmShape shape{x.size(0), linear.weight.size(0), x.size(1)};
  const bool has_bias = linear.bias.defined(), adapted = linear.a.defined();
  at::Tensor y = at::empty({shape.rows, shape.columns}, x.options());
  if (has_bias) y.copy_(linear.bias.expand_as(y));
  if (adapted) add_low_rank(u, first, linear, y, has_bias);
  gemm_transposed(shape, x.data_ptr<float>(), linear.weight.data_ptr<float>(), y.data_ptr<float>(),
                  has_bias || adapted);
  return y;
}

/// [columns first … first + count of `left`]ᵀ · right: [count, right's columns], summed over the rows.
at::Tensor transposed_product(const at::Tensor& left, std::int64_t first, std::int64_t count,
                              const at::Tensor& right) {
  at::Tensor out = at::empty({count, right.size(1)}, right.options());
  parallel_tile_columns(
      {count, right.size(1), right.size(0), left.data_ptr<float>() + first, 1, left.size(1),
       right.data_ptr<float>(), right.size(1), out.data_ptr<float>(), right.size(1)},
      /*accumulate=*/false);
  return out;
}

/// V = s·G·B in the linear's own columns.
void backward_low_rank(const at::Tensor& grad, const LoraLinear& linear, std::int64_t first,
                       at::Tensor& v) {
  const at::Tensor scaled = linear.b * linear.scale;
  const std::int64_t rank = scaled.size(1);
  parallel_tile_rows({grad.size(0), rank, grad.size(1), grad.data_ptr<float>(), grad.size(1), 1,
                      scaled.data_ptr<float>(), rank, v.data_ptr<float>() + first, v.size(1)},
                     /*accumulate=*/false);
}

class LoraLinears : public torch::autograd::Function<LoraLinears> {
 public:
  /// @param factors  every defined a and b once more, so that autograd sees them
  static variable_list forward(AutogradContext* context, const Variable& input, at::TensorList factors,
                               const std::vector<LoraLinear>& linears) {
    const at::Tensor x = input.contiguous();
    const Ranks ranks(linears);
    at::Tensor stacked, u;
    if (ranks.total > 0) {
      stacked = stack_a(linears);
      u = at::empty({x.size(0), ranks.total}, x.options());
      const at::Tensor at = transposed(stacked, 1);  // [in, Σ R]
      parallel_tile_rows({x.size(0), ranks.total, x.size(1), x.data_ptr<float>(), x.size(1), 1,
                          at.data_ptr<float>(), ranks.total, u.data_ptr<float>(), ranks.total},
                         /*accumulate=*/false);
    }
    variable_list outputs, saved = {x, u, stacked};
    std::vector<double> scales;
    for (std::size_t i = 0; i < linears.size(); ++i) {
      outputs.push_back(forward_one(x, u, linears[i], ranks.first[i]));
      saved.insert(saved.end(), {linears[i].weight, linears[i].a, linears[i].b});
      scales.push_back(linears[i].scale);
    }
    context->save_for_backward(std::move(saved));
    context->saved_data["scales"] = std::move(scales);
    static_cast<void>(factors);
    return outputs;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const auto scales = context->saved_data["scales"].toDoubleVector();
    std::vector<LoraLinear> linears;
    for (std::size_t i = 0; i < scales.size(); ++i) {
      linears.push_back({saved[3 + 3 * i], {}, saved[4 + 3 * i], saved[5 + 3 * i], scales[i]});
      grads[i] = grads[i].contiguous();
    }
    const at::Tensor &x = saved[0], &u = saved[1], &stacked = saved[2];
    variable_list result = {Variable()};
    at::Tensor v;
    if (stacked.defined()) v = low_rank_gradients(linears, grads, x, u, result);
    if (context->needs_input_grad(0)) result[0] = input_gradient(linears, grads, v, stacked, x);
    result.emplace_back();  // of `linears`
    return result;
  }

 private:
  /// Appends dA and dB of every adapted linear.  @return V [N, Σ R]
  static at::Tensor low_rank_gradients(const std::vector<LoraLinear>& linears,
                                       const variable_list& grads, const at::Tensor& x,
                                       const at::Tensor& u, variable_list& result) {
    const Ranks ranks(linears);
    at::Tensor v = at::empty_like(u);
    for (std::size_t i = 0; i < linears.size(); ++i)
      if (ranks.count[i] > 0) backward_low_rank(grads[i], linears[i], ranks.first[i], v);
    const at::Tensor da = transposed_product(v, 0, ranks.total, x);  // [Σ R, in]
    for (std::size_t i = 0; i < linears.size(); ++i) {
      if (ranks.count[i] == 0) continue;
      result.push_back(da.narrow(0, ranks.first[i], ranks.count[i]));
      const at::Tensor dbt = transposed_product(u, ranks.first[i], ranks.count[i], grads[i]);
      result.push_back(transposed(dbt, linears[i].scale));
    }
    return v;
  }

  static at::Tensor input_gradient(const std::vector<LoraLinear>& linears, const variable_list& grads,
                                   const at::Tensor& v, const at::Tensor& stacked,
                                   const at::Tensor& x) {
    at::Tensor dx = at::empty_like(x);
    if (v.defined())
      parallel_tile_rows({x.size(0), x.size(1), v.size(1), v.data_ptr<float>(), v.size(1), 1,
                          stacked.data_ptr<float>(), x.size(1), dx.data_ptr<float>(), x.size(1)},
                         /*accumulate=*/false);
    for (std::size_t i = 0; i < linears.size(); ++i)
      gemm({x.size(0), x.size(1), grads[i].size(1)}, grads[i].data_ptr<float>(),
           linears[i].weight.data_ptr<float>(), dx.data_ptr<float>(), v.defined() || i > 0);
    return dx;
  }
};

bool is_plain(const at::Tensor& t) { return t.is_cpu() && t.scalar_type() == at::kFloat; }

bool is_frozen(const at::Tensor& t) {
  return !t.defined() ||
         (is_plain(t) && t.is_contiguous() && !(t.requires_grad() && at::GradMode::is_enabled()));
}

bool has_fast_path(const at::Tensor& x, const std::vector<LoraLinear>& linears) {
  return is_plain(x) && std::all_of(linears.begin(), linears.end(), [](const LoraLinear& linear) {
           return is_frozen(linear.weight) && is_frozen(linear.bias) &&
                  (!linear.a.defined() || (is_plain(linear.a) && is_plain(linear.b)));
         });
}

}  // namespace

std::vector<at::Tensor> lora_linears(const at::Tensor& x, const std::vector<LoraLinear>& linears) {
  std::vector<at::Tensor> outputs, factors;
  if (!has_fast_path(x, linears)) {
    for (const LoraLinear& linear : linears) outputs.push_back(lora_linear_reference(x, linear));
    return outputs;
  }
  for (const LoraLinear& linear : linears)
    if (linear.a.defined()) factors.insert(factors.end(), {linear.a, linear.b});
  return LoraLinears::apply(x, at::TensorList(factors), linears);
}

at::Tensor lora_linear(const at::Tensor& x, const LoraLinear& linear) {
  return lora_linears(x, {linear})[0];
}

at::Tensor lora_linear_reference(const at::Tensor& x, const LoraLinear& linear) {
  at::Tensor y = at::mm(x, linear.weight.t());
  if (linear.bias.defined()) y = y + linear.bias;
  if (!linear.a.defined()) return y;
  return y + at::mm(at::mm(x, linear.a.t()), linear.b.t()) * linear.scale;
}

}  // namespace fennec
