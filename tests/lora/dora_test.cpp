#include "lora/dora_branch.h"

#include <ATen/core/grad_mode.h>

#include "tests/support/doctest_torch.h"

#include "tests/lora/adapter_case.h"

using namespace fennec;
using namespace fennec::test;

namespace {

at::Tensor normal(std::uint64_t seed, std::vector<std::int64_t> shape, float sd = 1) {
  at::Tensor x = at::empty(shape, at::kFloat);
  fill_normal(Seed(seed), {x.data_ptr<float>(), static_cast<std::size_t>(x.numel())}, sd);
  return x;
}

struct Tensors {
  at::Tensor x = normal(1, {9, 12}), w = normal(2, {7, 12}), bias = normal(3, {7});
  at::Tensor a = normal(4, {3, 12}), b = normal(5, {7, 3}), m = normal(6, {7}).abs() + 0.5;
  double s = 0.75;
  at::Tensor direction() const { return w + s * b.mm(a); }
};

}  // namespace

TEST_CASE("row norms without B·A are those of W + s·B·A") {
  for (const double size : {1e-4, 1.0, 30.0}) {
    Tensors t;
    t.b = t.b * size;
    const DoraBranch branch(Projection("p", t.w, t.bias), t.a, t.b, t.m, t.s);
    const at::Tensor exact = t.direction().to(at::kDouble).square().sum(1).sqrt().to(at::kFloat);
    CHECK(distance(branch.row_norms(), exact) <= 2e-6 * largest(exact));
  }
}

TEST_CASE("the output is b + m ⊙ (W + s·B·A)·x / ‖W + s·B·A‖, with a bias and without") {
  Tensors t;
  const at::Tensor factors = (t.m / t.direction().norm(2, {1})).unsqueeze(0);
  for (const bool has_bias : {true, false}) {
    const Projection base("p", t.w, has_bias ? t.bias : at::Tensor());
    const DoraBranch branch(base, t.a, t.b, t.m, t.s);
    const at::Tensor plain = t.x.mm(t.w.t());
    const at::Tensor y = branch.apply(t.x, has_bias ? plain + t.bias : plain.clone());
    at::Tensor expected = t.x.mm(t.direction().t()) * factors;
    if (has_bias) expected = expected + t.bias;
    CHECK(distance(y, expected) <= 1e-5 * largest(expected));
    const LinearWeights merged = branch.merged(base);
    CHECK(distance(merged.weight, t.direction() * factors.t()) <= 1e-5);
    CHECK(merged.bias.defined() == has_bias);
  }
}

TEST_CASE("the norm is a constant in the backward pass") {
  Tensors t;
  for (at::Tensor* tensor : {&t.a, &t.b, &t.m}) tensor->set_requires_grad(true);
  const DoraBranch branch(Projection("p", t.w, t.bias), t.a, t.b, t.m, t.s);
  const at::Tensor g = normal(8, {9, 7});
  branch.apply(t.x, t.x.mm(t.w.t()) + t.bias).backward(g);
  const at::NoGradGuard no_grad;
  const at::Tensor norms = t.direction().norm(2, {1}), c = t.m / norms, scaled = g * c;
  const auto close = [](const at::Tensor& got, const at::Tensor& want) {
    return distance(got, want) <= 1e-5 * largest(want);
  };
  CHECK(close(t.b.grad(), t.s * scaled.t().mm(t.x.mm(t.a.t()))));
  CHECK(close(t.a.grad(), t.s * scaled.mm(t.b).t().mm(t.x)));
  CHECK(close(t.m.grad(), (g * t.x.mm(t.direction().t()) / norms).sum(0)));
}

TEST_CASE("with A and B at rest, magnitudes only scale rows") {
  Tensors t;
  t.b = at::zeros_like(t.b);
  const DoraBranch branch(Projection("p", t.w, t.bias), t.a, t.b, t.m, t.s);
  const at::Tensor rows = t.x.mm(t.w.t());
  const at::Tensor expected = rows * (t.m / t.w.norm(2, {1})) + t.bias;
  CHECK(distance(branch.apply(t.x, rows + t.bias), expected) <= 1e-5 * largest(expected));
}

TEST_CASE("values that change while a trained branch is attached are seen without a graph too") {
  Tensors t;
  t.m.set_requires_grad(true);
  const DoraBranch branch(Projection("p", t.w, {}), t.a, t.b, t.m, t.s);
  const at::NoGradGuard no_grad;
  const at::Tensor before = branch.apply(t.x, t.x.mm(t.w.t()));
  t.b.mul_(2);
  CHECK(distance(branch.apply(t.x, t.x.mm(t.w.t())), before) > 1e-3);
}
