#include "model/ops/recompute.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/rng.h"
#include "tests/support/doctest_torch.h"
#include "tests/support/tensor_memory.h"

using namespace fennec;  // NOLINT: test

namespace {

at::Tensor normal(const char* name, std::vector<std::int64_t> shape) {
  at::Tensor x = at::empty(shape, at::kFloat);
  fill_normal(Seed(5).child(name), {x.data_ptr<float>(), static_cast<std::size_t>(x.numel())}, 1);
  return x;
}

}  // namespace

TEST_CASE("recompute: gradients of the input and of tensors beside it equal the plain ones") {
  for (const bool x_wants : {true, false}) {
    CAPTURE(x_wants);
    at::Tensor gradients[2][3];
    for (const bool recomputed : {false, true}) {
      const at::Tensor x = normal("x", {5, 8}).requires_grad_(x_wants),
                       w = normal("w", {8, 8}).requires_grad_(),
                       w2 = normal("w2", {8, 8}).requires_grad_();
      int calls = 0;
      const auto layer = [&](const at::Tensor& weight, const at::Tensor& input) {
        const auto f = [&calls, weight](const at::Tensor& v) {
          ++calls;
          return at::silu(v.mm(weight)) + v;
        };
        return recomputed ? recompute_in_backward(f, input, true) : f(input);
      };
      const at::Tensor y = layer(w2, layer(w, x));
      y.square().sum().backward();
      CHECK(calls == (recomputed ? 4 : 2));
      gradients[recomputed][0] = w.grad();
      gradients[recomputed][1] = w2.grad();
      gradients[recomputed][2] = x.grad();
    }
    CHECK(gradients[0][2].defined() == x_wants);
    CHECK(gradients[1][2].defined() == x_wants);
    for (std::size_t i = 0; i < (x_wants ? 3 : 2); ++i)
      CHECK(at::equal(gradients[0][i], gradients[1][i]));
  }
}

TEST_CASE("recompute: a function that trains nothing is run once and keeps nothing") {
  const at::Tensor x = normal("x", {5, 8});
  int calls = 0;
  const auto f = [&](const at::Tensor& input) {
    ++calls;
    return input * 2;
  };
  CHECK_FALSE(recompute_in_backward(f, x, false).requires_grad());
  {
    const at::NoGradGuard no_grad;
    CHECK_FALSE(recompute_in_backward(f, x, true).requires_grad());
  }
  CHECK(calls == 2);
}

TEST_CASE("recompute: what lies between input and output is freed at once") {
  const at::Tensor x = normal("x", {100, 10}).requires_grad_();
  const test::TensorMemory memory;
  const at::Tensor y = recompute_in_backward(
      [](const at::Tensor& input) { return input.exp().sin().exp().cos(); }, x, true);
  CHECK(memory.live() <= 4 * 1000 + 512);
}
