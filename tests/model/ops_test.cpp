#include <functional>

#include <ATen/ATen.h>

#include "core/rng.h"
#include "model/attention_mask.h"
#include "model/ops/attention.h"
#include "model/ops/document_attention.h"
#include "model/ops/gelu.h"
#include "model/ops/layer_norm.h"
#include "model/ops/rms_norm.h"
#include "model/ops/rope.h"
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

TEST_CASE("ops: SwiGLU equals silu(gate)·up") {
  check_same([](const Tensors& t) { return swiglu(t[0], t[1]); },
             [](const Tensors& t) { return at::silu(t[0]) * t[1]; },
             {normal("g", {9, 12}), normal("u", {9, 12})});
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
