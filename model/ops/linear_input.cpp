#include "model/ops/linear_input.h"

#include <utility>

#include <ATen/ATen.h>

#include "model/ops/rms_norm.h"
#include "model/ops/swiglu.h"

namespace fennec {
namespace {

using Tensors = std::vector<at::Tensor>;

class PlainInput final : public LinearInput {
 public:
  at::Tensor compute(const Tensors& sources) override { return sources[0]; }
  Tensors backward(const Tensors&, const at::Tensor& dx) override { return {dx}; }
};

class NormedInput final : public LinearInput {
 public:
  NormedInput(at::Tensor weight, double epsilon) : weight_(std::move(weight)), epsilon_(epsilon) {}
  at::Tensor compute(const Tensors& sources) override {
    at::Tensor y = at::empty_like(sources[0]);
    if (!scale_.defined()) scale_ = at::empty({y.size(0)}, y.options());
    rms_norm_out(sources[0], weight_, epsilon_, y, scale_);
    return y;
  }
  Tensors backward(const Tensors& sources, const at::Tensor& dx) override {
    at::Tensor result = dx;
    rms_norm_backward_out(sources[0], weight_, scale_, dx, result);
    return {result};
  }

 private:
  at::Tensor weight_, scale_;  // [D], [N]
  double epsilon_;
};

class GatedInput final : public LinearInput {
 public:
  at::Tensor compute(const Tensors& sources) override {
    at::Tensor out = at::empty_like(sources[0]);
    swiglu_out(sources[0], sources[1], out);
    return out;
  }
  Tensors backward(const Tensors& sources, const at::Tensor& dx) override {
    at::Tensor dgate = dx, dup = at::empty_like(dx);
    swiglu_backward_out(sources[0], sources[1], dx, dgate, dup);
    return {dgate, dup};
  }
};

}  // namespace

std::unique_ptr<LinearInput> plain_input() { return std::make_unique<PlainInput>(); }

std::unique_ptr<LinearInput> normed_input(at::Tensor weight, double epsilon) {
  return std::make_unique<NormedInput>(std::move(weight), epsilon);
}

std::unique_ptr<LinearInput> gated_input() { return std::make_unique<GatedInput>(); }

}  // namespace fennec
