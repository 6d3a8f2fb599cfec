#include "model/frozen_weight.h"

#include <functional>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/rng.h"
#include "model/ops/linear_cross_entropy.h"
#include "model/ops/lora_linear.h"
#include "tests/support/doctest_torch.h"
#include "tests/support/tensor_memory.h"

using namespace fennec;  // NOLINT: test

namespace {

using Tensors = std::vector<at::Tensor>;

at::Tensor normal(const char* name, const std::vector<std::int64_t>& shape) {
  at::Tensor x = at::empty(shape, at::kFloat);
  fill_normal(Seed(5).child(name), {x.data_ptr<float>(), static_cast<std::size_t>(x.numel())}, 1);
  return x;
}

bool is_close(const at::Tensor& got, const at::Tensor& want) {
  return (got - want).abs().max().item<double>() <= 3e-6 * (1 + want.abs().max().item<double>());
}

/// An adapted linear over a quantised weight.
struct Setup {
  std::int64_t out, in, rows;
  LoraLinear linear;

  Setup(const std::string& kind, std::int64_t o, std::int64_t i, std::int64_t n)
      : out(o),
        in(i),
        rows(n),
        linear{freeze(normal("w", {o, i}) / 30, kind), normal("bias", {o}),
               normal("a", {3, i}).requires_grad_(), normal("b", {o, 3}).requires_grad_(), 0.5} {}

  /// The output, then the gradients of x, residual, A and B.
  Tensors run(const std::function<at::Tensor(const at::Tensor& x, const at::Tensor& residual)>& f) {
    linear.a.mutable_grad() = linear.b.mutable_grad() = at::Tensor();
    const at::Tensor x = normal("x", {rows, in}).requires_grad_(),
                     residual = normal("r", {rows, out}).requires_grad_();
    const at::Tensor y = f(x, residual);
    y.backward(normal("g", {rows, out}));
    return {y.detach(), x.grad(), residual.grad(), linear.a.grad(), linear.b.grad()};
  }
  Tensors fused() {
    return run([&](const at::Tensor& x, const at::Tensor& r) { return lora_linear(x, linear, r); });
  }
  Tensors reference() {
    return run(
        [&](const at::Tensor& x, const at::Tensor& r) { return r + lora_linear_reference(x, linear); });
  }
};

}  // namespace

TEST_CASE("frozen weight: a linear over codes is one over the expanded matrix, forward and backward") {
  for (const std::string& kind : quantized_kinds())
    // Within a tile and over several; rows of x that take the vector's way and the matrix's.
    for (const auto& shape : {std::pair<std::int64_t, std::int64_t>{10, 7}, {64, 64}, {900, 700}})
      for (const std::int64_t rows : {1, 2, 33}) {
        const std::int64_t out = shape.first, in = shape.second;
        CAPTURE(kind);
        CAPTURE(out);
        CAPTURE(rows);
        Setup setup(kind, out, in, rows);
        const Tensors got = setup.fused(), want = setup.reference();
        for (std::size_t i = 0; i < got.size(); ++i) {
          CAPTURE(i);
          CHECK(is_close(got[i], want[i]));
        }
      }
}

TEST_CASE("frozen weight: linears over one input, and a loss, over codes") {
  for (const std::string& kind : quantized_kinds()) {
    CAPTURE(kind);
    const FrozenWeight head = freeze(normal("head", {90, 40}), kind),
                       other = freeze(normal("other", {11, 40}), kind);
    const at::Tensor targets = at::arange(20, at::kLong).mul(17).remainder(90);
    Tensors results[2];
    for (const bool fused : {false, true}) {
      const at::Tensor x = normal("x", {20, 40}).requires_grad_();
      const LoraLinear plain{other, {}, {}, {}, 1};
      const at::Tensor y = fused ? lora_linears(x, {plain, plain})[1] : lora_linear_reference(x, plain);
      const at::Tensor loss = fused ? linear_cross_entropy(x, head, targets)
                                    : linear_cross_entropy_reference(x, head, targets);
      (loss + y.square().sum()).backward();
      results[fused] = {loss.detach(), y.detach(), x.grad()};
    }
    for (std::size_t i = 0; i < results[0].size(); ++i) CHECK(is_close(results[1][i], results[0][i]));
  }
}

TEST_CASE("frozen weight: the same bits on any number of threads") {
  for (const std::string& kind : quantized_kinds())
    for (const std::int64_t rows : {1, 70}) {
      CAPTURE(kind);
      Setup setup(kind, 1500, 520, rows);
      at::set_num_threads(1);
      const Tensors one = setup.fused();
      for (const int threads : {2, 3}) {
        at::set_num_threads(threads);
        const Tensors several = setup.fused();
        for (std::size_t i = 0; i < one.size(); ++i) CHECK(at::equal(one[i], several[i]));
      }
      at::set_num_threads(1);
    }
}

TEST_CASE("frozen weight: embedding rows, and what a plain tensor does") {
  const at::Tensor table = normal("t", {40, 12}), ids = at::tensor({3, 39, 3, 0}, at::kLong);
  CHECK(at::equal(FrozenWeight(table).rows(ids), at::embedding(table, ids)));
  for (const std::string& kind : quantized_kinds()) {
    const FrozenWeight w = freeze(table, kind);
    CHECK(at::equal(w.rows(ids), at::embedding(w.dense(), ids)));
    CHECK((w.rows(ids) - at::embedding(table, ids)).abs().max().item<double>() < 0.5);
    CHECK(w.out_features() == 40);
    CHECK(w.in_features() == 12);
  }
}

TEST_CASE("frozen weight: nothing expanded is kept for the backward pass, and W has no gradient") {
  const std::int64_t out = 2000, in = 1000, rows = 4;  // expanded 8 MB
  const at::Tensor w = normal("w", {out, in});
  for (const std::string& kind : quantized_kinds()) {
    CAPTURE(kind);
    const LoraLinear linear{freeze(w, kind), {}, {}, {}, 1};
    const at::Tensor x = normal("x", {rows, in}).requires_grad_();
    test::TensorMemory memory;
    const at::Tensor y = lora_linear(x, linear);
    CHECK(memory.live() <= rows * out * 4 + 1024);  // the output alone
    y.sum().backward();
    CHECK(memory.peak() <= 3 * rows * (out + in) * 4 + 4096);
  }
}
