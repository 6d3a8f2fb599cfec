#include "lora/adamw.h"

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "core/rng.h"

namespace fennec {
namespace {

/// The textbook update of one weight in double (arXiv 1711.05101, algorithm 2).
struct SlowAdamW {
  double w, m = 0, v = 0;
  int t = 0;
  void step(double g, double lr, const AdamWOptions& o) {
    ++t;
    m = o.beta1 * m + (1 - o.beta1) * g;
    v = o.beta2 * v + (1 - o.beta2) * g * g;
    const double m_hat = m / (1 - std::pow(o.beta1, t)), v_hat = v / (1 - std::pow(o.beta2, t));
    w -= lr * o.weight_decay * w;
    w -= lr * m_hat / (std::sqrt(v_hat) + o.epsilon);
  }
};

at::Tensor leaf(std::vector<std::int64_t> shape, Seed seed) {
  at::Tensor t = at::empty(shape, at::kFloat);
  fill_normal(seed, {t.data_ptr<float>(), static_cast<std::size_t>(t.numel())}, 1.0F);
  t.set_requires_grad(true);
  return t;
}

void set_grad(const at::Tensor& t, Seed seed) {
  at::Tensor g = at::empty(t.sizes(), at::kFloat);
  fill_normal(seed, {g.data_ptr<float>(), static_cast<std::size_t>(g.numel())}, 0.3F);
  t.mutable_grad() = g;
}

std::vector<float> values(const at::Tensor& t) {
  return {t.data_ptr<float>(), t.data_ptr<float>() + t.numel()};
}

}  // namespace

TEST_CASE("AdamW follows the slow update in double, with decay on chosen tensors only") {
  const AdamWOptions options{0.9, 0.95, 1e-8, 0.1};
  std::vector<at::Tensor> tensors = {leaf({5, 7}, Seed(1)), leaf({11}, Seed(2))};
  std::vector<std::vector<SlowAdamW>> slow(2);
  for (std::size_t k = 0; k < 2; ++k)
    for (const float w : values(tensors[k])) slow[k].push_back({w});
  AdamW optimizer(tensors, options, {true, false});
  for (std::uint64_t step = 0; step < 40; ++step) {
    const double lr = 1e-2 * (1.0 - static_cast<double>(step) / 80);
    for (std::size_t k = 0; k < 2; ++k) {
      set_grad(tensors[k], Seed(9).child("g", k, step));
      AdamWOptions own = options;
      if (k == 1) own.weight_decay = 0;
      const auto g = values(tensors[k].grad());
      for (std::size_t i = 0; i < g.size(); ++i) slow[k][i].step(g[i], lr, own);
    }
    optimizer.step(lr);
  }
  for (std::size_t k = 0; k < 2; ++k) {
    const auto w = values(tensors[k]);
    for (std::size_t i = 0; i < w.size(); ++i)
      CHECK(w[i] == doctest::Approx(slow[k][i].w).epsilon(2e-5));
  }
}

TEST_CASE("AdamW restored from its moments continues bit for bit") {
  at::Tensor a = leaf({64}, Seed(3));
  at::Tensor b = a.detach().clone().set_requires_grad(true);
  AdamW first({a}, {});
  const auto run = [](AdamW& optimizer, const at::Tensor& t, std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t s = from; s < to; ++s) {
      set_grad(t, Seed(4).child("g", s));
      optimizer.step(1e-3);
    }
  };
  run(first, a, 0, 10);
  AdamW interrupted({b}, {});
  run(interrupted, b, 0, 6);
  AdamW resumed({b}, {});
  REQUIRE(
      resumed.restore(interrupted.first_moment(), interrupted.second_moment(), interrupted.steps()));
  run(resumed, b, 6, 10);
  CHECK(values(a) == values(b));
  const auto wrong = resumed.restore(first.first_moment().subspan(1), first.second_moment(), 1);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().code == ErrorCode::kMismatch);
}

TEST_CASE("a tensor without a gradient stays as it is") {
  at::Tensor a = leaf({8}, Seed(5));
  const auto before = values(a);
  AdamW optimizer({a}, {0.9, 0.999, 1e-8, 0.5});
  optimizer.step(0.1);
  CHECK(values(a) == before);
}

TEST_CASE("clipping scales the global norm to the limit and leaves smaller gradients alone") {
  std::vector<at::Tensor> tensors = {leaf({3}, Seed(6)), leaf({2}, Seed(7))};
  tensors[0].mutable_grad() = at::full({3}, 2.0F);
  tensors[1].mutable_grad() = at::full({2}, -3.0F);
  const double norm = std::sqrt(3 * 4.0 + 2 * 9.0);
  CHECK(clip_grad_norm(tensors, 0) == doctest::Approx(norm));
  CHECK(clip_grad_norm(tensors, 100) == doctest::Approx(norm));
  CHECK(values(tensors[0].grad())[0] == 2.0F);
  CHECK(clip_grad_norm(tensors, 1.0) == doctest::Approx(norm));
  CHECK(clip_grad_norm(tensors, 0) == doctest::Approx(1.0).epsilon(1e-5));
  AdamW optimizer(tensors, {});
  optimizer.zero_grad();
  CHECK(clip_grad_norm(tensors, 1.0) == 0.0);
}

}  // namespace fennec
