#include <cmath>
#include <functional>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include "core/rng.h"
#include "model/attention_mask.h"
#include "model/ops/attention.h"
#include "model/ops/document_attention.h"
#include "model/ops/gelu.h"
#include "model/ops/layer_norm.h"
#include "model/ops/linear_cross_entropy.h"
#include "model/ops/lora_linear.h"
#include "model/ops/rms_norm.h"
#include "model/ops/rope.h"
#include "model/ops/rotary_attention.h"
#include "model/ops/swiglu.h"
#include "tests/support/doctest_torch.h"

namespace {

using namespace fennec;
using Tensors = std::vector<at::Tensor>;
using Op = std::function<at::Tensor(const Tensors&)>;

at::Tensor normal(const char* name, const std::vector<std::int64_t>& shape) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  fill_normal(Seed(11).child(name),
              {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())}, 1);
  return tensor;
}

/// Output, then the gradient of Σ output·noise by each input.
Tensors with_gradients(const Op& op, const Tensors& inputs) {
  Tensors leaves;
  for (const auto& input : inputs) leaves.push_back(input.detach().clone().requires_grad_(true));
  at::Tensor out = op(leaves);
  (out * normal("noise", out.sizes().vec())).sum().backward();
  Tensors all = {out.detach()};
  for (const auto& leaf : leaves) all.push_back(leaf.grad());
  return all;
}

void check_same(const Op& op, const Op& reference, const Tensors& inputs) {
  const Tensors a = with_gradients(op, inputs), b = with_gradients(reference, inputs);
  for (std::size_t i = 0; i < a.size(); ++i) {
    CAPTURE(i);
    REQUIRE(a[i].sizes() == b[i].sizes());
    CHECK((a[i] - b[i]).abs().max().item<double>() <= 2e-6 * (1 + b[i].abs().max().item<double>()));
  }
}

}  // namespace

TEST_CASE("ops: RMSNorm equals its reference, forward and backward") {
  for (const std::int64_t width : {1, 7, 8, 19, 128})
    check_same([](const Tensors& t) { return rms_norm(t[0], t[1], 1e-5); },
               [](const Tensors& t) { return rms_norm_reference(t[0], t[1], 1e-5); },
               {normal("x", {13, width}), normal("w", {width})});
}

TEST_CASE("ops: LayerNorm equals its reference, forward and backward") {
  for (const std::int64_t width : {7, 8, 19, 128})
    check_same([](const Tensors& t) { return layer_norm(t[0], t[1], t[2], 1e-5); },
               [](const Tensors& t) { return layer_norm_reference(t[0], t[1], t[2], 1e-5); },
               {normal("x", {13, width}), normal("w", {width}), normal("b", {width})});
}

TEST_CASE("ops: GELU in both forms, alone and as a gate, equals its formula") {
  for (const GeluForm form : {GeluForm::kErf, GeluForm::kTanh}) {
    check_same([&](const Tensors& t) { return gelu(t[0], form); },
               [&](const Tensors& t) { return gelu_reference(t[0], form); },
               {normal("x", {9, 12}) * 3});
    check_same([&](const Tensors& t) { return geglu(t[0], t[1], form); },
               [&](const Tensors& t) { return gelu_reference(t[0], form) * t[1]; },
               {normal("g", {9, 12}) * 3, normal("u", {9, 12})});
  }
}

TEST_CASE("ops: splitting heads equals its reference, with and without rotation") {
  const std::int64_t batch = 2, tokens = 5, heads = 3, width = 8;
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{tokens, 4}, {batch, tokens, 4}, {tokens, 2}, {}}) {
    RopeTable table;
    if (!shape.empty()) table = {normal("angle", shape).cos(), normal("angle", shape).sin()};
    check_same([&](const Tensors& t) { return split_heads(t[0], batch, heads, table); },
               [&](const Tensors& t) { return split_heads_reference(t[0], batch, heads, table); },
               {normal("x", {batch * tokens, heads * width})});
  }
}

TEST_CASE("ops: attention over shared kv-heads equals repeated keys and values") {
  const at::Tensor segments =
      at::tensor({0, 0, 0, 1, 1, -1, -2, -2, 0, 1, 1, -1}, at::kLong).view({2, 6});
  for (const at::Tensor& mask :
       {at::Tensor(), causal_mask(6, 6, at::kFloat), segment_mask(segments, segments)})
    check_same([&](const Tensors& t) { return attention(t[0], t[1], t[2], mask); },
               [&](const Tensors& t) { return attention_reference(t[0], t[1], t[2], mask); },
               {normal("q", {2, 6, 6, 4}), normal("k", {2, 2, 6, 4}), normal("v", {2, 2, 6, 4})});
}

TEST_CASE("ops: attention by documents equals attention under their mask") {
  const at::Tensor segments =
      at::tensor({0, 0, 0, 4, 4, -1, -1, 2, 0, 0, 0, -1}, at::kLong).view({2, 6});
  const std::vector<DocumentRun> documents = {{0, 0, 3}, {0, 3, 2}, {1, 1, 1}, {1, 2, 3}};
  const at::Tensor inside = segments.ne(-1).view({12, 1});
  const at::Tensor mask = segment_mask(segments, segments);
  check_same([&](const Tensors& t) { return document_attention(t[0], t[1], t[2], documents); },
             [&](const Tensors& t) { return attention_reference(t[0], t[1], t[2], mask) * inside; },
             {normal("q", {2, 6, 6, 4}), normal("k", {2, 2, 6, 4}), normal("v", {2, 2, 6, 4})});
}

TEST_CASE("ops: attention by documents equals its reference over head widths, lengths and windows") {
  struct Case {
    std::int64_t heads, kv_heads, width, tokens, window;
    std::vector<DocumentRun> documents;
  };
  const std::vector<Case> cases = {
      {4, 4, 32, 64, 0, {{0, 0, 64}, {1, 0, 64}}},
      {6, 2, 20, 70, 0, {{0, 0, 25}, {0, 25, 1}, {0, 26, 44}, {1, 5, 60}}},
      {2, 1, 64, 50, 6, {{0, 0, 50}, {1, 0, 23}, {1, 23, 27}}},
      {2, 2, 7, 80, 30, {{0, 0, 80}, {1, 3, 77}}},
      {2, 1, 8, 40, 1, {{0, 0, 40}}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.width);
    const at::Tensor q = normal("q", {2, c.heads, c.tokens, c.width}),
                     k = normal("k", {2, c.kv_heads, c.tokens, c.width}),
                     v = normal("v", {2, c.kv_heads, c.tokens, c.width});
    check_same(
        [&](const Tensors& t) { return document_attention(t[0], t[1], t[2], c.documents, c.window); },
        [&](const Tensors& t) {
          return document_attention_reference(t[0], t[1], t[2], c.documents, c.window);
        },
        {q, k, v});
  }
}

TEST_CASE("ops: SwiGLU equals silu(gate)·up") {
  for (const std::int64_t width : {1, 12, 700})
    check_same([](const Tensors& t) { return swiglu(t[0], t[1]); },
               [](const Tensors& t) { return swiglu_reference(t[0], t[1]); },
               {normal("g", {9, width}) * 4, normal("u", {9, width})});
}

TEST_CASE("ops: SwiGLU of gates far out is the gate or zero, and NaN stays") {
  const at::Tensor gate = at::tensor({-1000.0F, -90.0F, 0.0F, 90.0F, 1000.0F, std::nanf("")}),
                   out = swiglu(gate, at::ones({6}));
  const auto values = out.accessor<float, 1>();
  CHECK(std::abs(values[0]) < 1e-30F);
  CHECK(std::abs(values[1]) < 1e-30F);
  CHECK(values[2] == 0);
  CHECK(values[3] == 90);
  CHECK(values[4] == 1000);
  CHECK(std::isnan(values[5]));
}

TEST_CASE("ops: linears with adapters equal their reference, alone and over one input") {
  struct Case {
    std::int64_t rows, in, out, rank;
    bool biased;
  };
  for (const Case& c : std::vector<Case>{{1, 8, 5, 1, true},
                                         {13, 24, 70, 4, true},
                                         {70, 48, 40, 8, false},
                                         {30, 33, 65, 17, true},
                                         {9, 16, 12, 0, true}}) {
    CAPTURE(c.rank);
    const auto linear = [&](const Tensors& t, std::size_t first, const char* name, std::int64_t out) {
      LoraLinear l{normal(name, {out, c.in}), {}, {}, {}, 0.5};
      if (c.biased) l.bias = normal("bias", {out});
      if (c.rank > 0) l.a = t[first], l.b = t[first + 1];
      return l;
    };
    Tensors inputs = {normal("x", {c.rows, c.in})};
    if (c.rank > 0)
      for (const std::int64_t out : {c.out, c.out + 3}) {
        inputs.push_back(normal("a", {c.rank, c.in}));
        inputs.push_back(normal("b", {out, c.rank}));
      }
    check_same(
        [&](const Tensors& t) {
          return at::cat(lora_linears(t[0], {linear(t, 1, "w", c.out), linear(t, 3, "w2", c.out + 3)}),
                         1);
        },
        [&](const Tensors& t) {
          return at::cat({lora_linear_reference(t[0], linear(t, 1, "w", c.out)),
                          lora_linear_reference(t[0], linear(t, 3, "w2", c.out + 3))},
                         1);
        },
        inputs);
  }
}

TEST_CASE("ops: linears over a norm, and over a gate with a residual, equal the single operations") {
  const at::Tensor norm = normal("norm", {20}), w = normal("w", {33, 20}), w2 = normal("w2", {6, 20}),
                   bias = normal("bias", {33});
  const auto first = [&](const Tensors& t) { return LoraLinear{w, bias, t[1], t[2], 0.5}; };
  const LoraLinear frozen{w2, {}, {}, {}, 1};
  check_same(
      [&](const Tensors& t) {
        return at::cat(normed_linears(t[0], norm, 1e-5, {first(t), frozen}), 1);
      },
      [&](const Tensors& t) {
        const at::Tensor x = rms_norm_reference(t[0], norm, 1e-5);
        return at::cat({lora_linear_reference(x, first(t)), lora_linear_reference(x, frozen)}, 1);
      },
      {normal("x", {40, 20}), normal("a", {4, 20}), normal("b", {33, 4})});
  const auto down = [&](const Tensors& t) { return LoraLinear{w, bias, t[3], t[4], 2}; };
  check_same([&](const Tensors& t) { return gated_linear(t[0], t[1], down(t), t[2]); },
             [&](const Tensors& t) {
               return t[2] + lora_linear_reference(swiglu_reference(t[0], t[1]), down(t));
             },
             {normal("g", {40, 20}), normal("u", {40, 20}), normal("r", {40, 33}), normal("a", {4, 20}),
              normal("b", {33, 4})});
}

TEST_CASE("ops: attention from joined heads equals splitting, rotating and attending") {
  const std::vector<DocumentRun> documents = {{0, 0, 20}, {0, 20, 19}, {1, 0, 30}};
  const RotaryHeads shape{2, 6, 2};
  for (const std::vector<std::int64_t>& angles : {std::vector<std::int64_t>{39, 4}, {2, 39, 3}})
    for (const std::int64_t window : {0, 7}) {
      const RopeTable table{normal("angle", angles).cos(), normal("angle", angles).sin()};
      check_same(
          [&](const Tensors& t) {
            return rotary_attention(t[0], t[1], t[2], shape, table, documents, window);
          },
          [&](const Tensors& t) {
            return rotary_attention_reference(t[0], t[1], t[2], shape, table, documents, window);
          },
          {normal("q", {78, 48}), normal("k", {78, 16}), normal("v", {78, 16})});
    }
}

TEST_CASE("ops: a linear whose weight learns gives its gradient too") {
  const auto linear = [](const Tensors& t) { return LoraLinear{t[1], t[2], t[3], t[4], 2}; };
  check_same([&](const Tensors& t) { return lora_linear(t[0], linear(t)); },
             [&](const Tensors& t) { return lora_linear_reference(t[0], linear(t)); },
             {normal("x", {7, 9}), normal("w", {11, 9}), normal("bias", {11}), normal("a", {3, 9}),
              normal("b", {11, 3})});
}

TEST_CASE("ops: cross-entropy of a linear in chunks equals all logits at once") {
  for (const std::int64_t rows : {1, 7, 64, 300}) {
    const at::Tensor weight = normal("w", {53, 12}) * 3,
                     targets = at::arange(rows, at::kLong).mul(17).remainder(53);
    check_same([&](const Tensors& t) { return linear_cross_entropy(t[0], weight, targets); },
               [&](const Tensors& t) { return linear_cross_entropy_reference(t[0], weight, targets); },
               {normal("h", {rows, 12})});
    const at::NoGradGuard no_grad;
    const at::Tensor h = normal("h", {rows, 12});
    CHECK(linear_cross_entropy(h, weight, targets).item<float>() ==
          doctest::Approx(linear_cross_entropy_reference(h, weight, targets).item<float>()));
  }
}

TEST_CASE("ops: an infinite or undefined logit makes the loss no number") {
  at::Tensor weight = normal("w", {5, 4});
  weight[2][1] = std::nanf("");
  const at::Tensor targets = at::tensor({2}, at::kLong);
  CHECK_FALSE(std::isfinite(linear_cross_entropy(normal("h", {1, 4}), weight, targets).item<float>()));
}

TEST_CASE("ops: the same bits on any number of threads") {
  const at::Tensor x = normal("x", {600, 96}), weight = normal("w", {1100, 96});
  const std::vector<DocumentRun> documents = {{0, 0, 100}, {0, 100, 47}, {1, 0, 150}};
  const at::Tensor targets = at::arange(600, at::kLong);
  const auto results = [&](int threads) {
    at::set_num_threads(threads);
    Tensors all = with_gradients(
        [&](const Tensors& t) {
          return lora_linear(t[0], {weight, {}, t[1], t[2], 0.5});
        },
        {x, normal("a", {8, 96}), normal("b", {1100, 8})});
    const Tensors attention = with_gradients(
        [&](const Tensors& t) { return document_attention(t[0], t[1], t[2], documents); },
        {normal("q", {2, 6, 150, 20}), normal("k", {2, 2, 150, 20}), normal("v", {2, 2, 150, 20})});
    const Tensors loss = with_gradients(
        [&](const Tensors& t) { return linear_cross_entropy(t[0], weight, targets); }, {x});
    const Tensors glu = with_gradients([](const Tensors& t) { return swiglu(t[0], t[1]); },
                                       {normal("g", {90, 1003}), normal("u", {90, 1003})});
    const Tensors norm = with_gradients([](const Tensors& t) { return rms_norm(t[0], t[1], 1e-5); },
                                        {x, normal("n", {96})});
    for (const Tensors& more : {attention, loss, glu, norm})
      all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const Tensors one = results(1);
  for (const int threads : {2, 3, 5}) {
    const Tensors several = results(threads);
    for (std::size_t i = 0; i < one.size(); ++i) {
      CAPTURE(i);
      CHECK(at::equal(one[i], several[i]));
    }
  }
  at::set_num_threads(1);
}

TEST_CASE("ops: a segment mask shows each token its own past and the shared prompt") {
  const std::vector<std::int64_t> s = {-2, -2, 0, 0, 1, -1, 1, 2};
  const at::Tensor segments = at::tensor(s).unsqueeze(0), mask = segment_mask(segments, segments);
  for (std::int64_t i = 0; i < 8; ++i)
    for (std::int64_t j = 0; j < 8; ++j) {
      const auto q = s[static_cast<std::size_t>(i)], k = s[static_cast<std::size_t>(j)];
      const bool visible = j <= i && (q == k || (k == -2 && q != -1));
      CHECK((mask[0][i][j].item<float>() == 0) == visible);
    }
}

TEST_CASE("ops: a window mask hides what lies too far back, by position") {
  const at::Tensor queries = at::tensor({5, 6, 7, 2, 3, 4}, at::kLong).view({2, 3}),
                   keys = at::arange(8, at::kLong).unsqueeze(0).expand({2, 8});
  const at::Tensor nothing_hidden = window_mask({}, queries, keys, 3);
  const at::Tensor some =
      at::zeros({1, 3, 8}).masked_fill_(keys.narrow(0, 0, 1).eq(6).unsqueeze(0), -1e30);
  const at::Tensor both = window_mask(some, queries, keys, 3);
  for (std::int64_t b = 0; b < 2; ++b)
    for (std::int64_t i = 0; i < 3; ++i)
      for (std::int64_t j = 0; j < 8; ++j) {
        const bool near = queries[b][i].item<std::int64_t>() - j < 3;
        CHECK((nothing_hidden[b][i][j].item<float>() == 0) == near);
        CHECK((both[b][i][j].item<float>() == 0) == (near && j != 6));
      }
}
