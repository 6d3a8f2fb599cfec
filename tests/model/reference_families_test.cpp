// Families and spellings that have no golden file, against the equations written down once more in
// float64.
#include "tests/support/doctest_torch.h"

#include <cmath>
#include <functional>
#include <map>

#include <ATen/core/grad_mode.h>

#include "core/error.h"
#include "core/files.h"
#include "model/save_checkpoint.h"
#include "tests/model/golden.h"
#include "tests/model/random_llama.h"
#include "tests/model/small_families.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace fennec;
using fennec::test::all_logits;
using fennec::test::max_difference;
using fennec::test::random_ids;

/// The weights of a model in float64, by name.
class Weights {
 public:
  explicit Weights(const CausalLm& model) {
    for (const auto& [name, tensor] : model.parameters()) all_[name] = tensor.to(at::kDouble);
  }
  const at::Tensor& operator()(const std::string& name) const { return all_.at(name); }
  at::Tensor linear(const at::Tensor& x, const std::string& module) const {
    const at::Tensor y = at::matmul(x, all_.at(module + ".weight").t());
    const auto bias = all_.find(module + ".bias");
    return bias == all_.end() ? y : y + bias->second;
  }
  at::Tensor layer_norm(const at::Tensor& x, const std::string& module) const {
    const at::Tensor c = x - x.mean(-1, true);
    return c / (c.square().mean(-1, true) + 1e-5).sqrt() * all_.at(module + ".weight") +
           all_.at(module + ".bias");
  }
  at::Tensor gemma_norm(const at::Tensor& x, const std::string& module) const {
    return x / (x.square().mean(-1, true) + 1e-6).sqrt() * (1 + all_.at(module + ".weight"));
  }

 private:
  std::map<std::string, at::Tensor> all_;
};

/// Rotates the first `dim` dimensions of each head.  @param x [T, heads, E]
at::Tensor rotate(const at::Tensor& x, std::int64_t dim, double theta) {
  const std::int64_t half = dim / 2;
  const at::Tensor exponent = at::arange(half, at::kDouble) * (-2.0 / static_cast<double>(dim));
  const at::Tensor angle = at::arange(x.size(0), at::kDouble).unsqueeze(1) *
                           at::pow(at::Scalar(theta), exponent);  // [T, half]
  const at::Tensor c = angle.cos().unsqueeze(1), s = angle.sin().unsqueeze(1);
  const at::Tensor a = x.narrow(2, 0, half), b = x.narrow(2, half, half);
  return at::cat({a * c - b * s, b * c + a * s, x.narrow(2, dim, x.size(2) - dim)}, 2);
}

/// @param q [T, H, E]  @param k, v [T, K, E]  @return [T, H·E]
at::Tensor causal_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const std::int64_t tokens = q.size(0), group = q.size(1) / k.size(1);
  const at::Tensor keys = k.repeat_interleave(group, 1).permute({1, 2, 0}),
                   values = v.repeat_interleave(group, 1).transpose(0, 1);
  at::Tensor scores = at::matmul(q.transpose(0, 1), keys) / std::sqrt(static_cast<double>(q.size(2)));
  scores.masked_fill_(at::ones({tokens, tokens}, at::kBool).triu(1), -1e300);
  return at::matmul(at::softmax(scores, -1), values).transpose(0, 1).reshape({tokens, -1});
}

at::Tensor gelu_erf(const at::Tensor& x) { return 0.5 * x * (1 + at::erf(x / std::sqrt(2.0))); }
at::Tensor gelu_tanh(const at::Tensor& x) {
  return 0.5 * x * (1 + at::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x.pow(3))));
}

at::Tensor gemma(const Weights& w, const at::Tensor& ids, std::int64_t layers) {
  const at::Tensor embedding = w("model.embed_tokens.weight");
  at::Tensor x = embedding.index_select(0, ids) * std::sqrt(24.0);
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    const at::Tensor h = w.gemma_norm(x, layer + "input_layernorm");
    const auto heads = [&](const char* name) {
      return w.linear(h, layer + "self_attn." + name).view({h.size(0), -1, 8});
    };
    x = x + w.linear(causal_attention(rotate(heads("q_proj"), 8, 1e4), rotate(heads("k_proj"), 8, 1e4),
                                      heads("v_proj")),
                     layer + "self_attn.o_proj");
    const at::Tensor m = w.gemma_norm(x, layer + "post_attention_layernorm");
    x = x +
        w.linear(gelu_tanh(w.linear(m, layer + "mlp.gate_proj")) * w.linear(m, layer + "mlp.up_proj"),
                 layer + "mlp.down_proj");
  }
  return at::matmul(w.gemma_norm(x, "model.norm"), embedding.t());
}

at::Tensor sequential_neox(const Weights& w, const at::Tensor& ids, std::int64_t layers) {
  at::Tensor x = w("gpt_neox.embed_in.weight").index_select(0, ids);
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::string layer = "gpt_neox.layers." + std::to_string(i) + ".";
    const at::Tensor qkv =
        w.linear(w.layer_norm(x, layer + "input_layernorm"), layer + "attention.query_key_value")
            .view({ids.size(0), 2, 48});  // a head's q, k and v, 16 each
    x = x + w.linear(causal_attention(rotate(qkv.narrow(2, 0, 16), 4, 5000),
                                      rotate(qkv.narrow(2, 16, 16), 4, 5000), qkv.narrow(2, 32, 16)),
                     layer + "attention.dense");
    const at::Tensor m = w.layer_norm(x, layer + "post_attention_layernorm");
    x = x + w.linear(gelu_erf(w.linear(m, layer + "mlp.dense_h_to_4h")), layer + "mlp.dense_4h_to_h");
  }
  return at::matmul(w.layer_norm(x, "gpt_neox.final_layer_norm"), w("embed_out.weight").t());
}

std::unique_ptr<CausalLm> small(const std::string& label) {
  for (const auto& family : fennec::test::kSmallFamilies)
    if (label == family.label) return fennec::test::random_family(family);
  FAIL("no such family");
  return nullptr;
}

/// Rewrites the tensors of a checkpoint.
void rewrite(const std::filesystem::path& from, const std::filesystem::path& to,
             const std::function<void(std::vector<TensorView>&)>& change) {
  const auto file = Safetensors::open(from / "model.safetensors");
  auto tensors = file.tensors();
  change(tensors);
  std::filesystem::create_directories(to);
  write_file_atomically(to / "model.safetensors", write_safetensors(tensors));
  write_file_atomically(to / "config.json", read_text_file(from / "config.json"));
}

}  // namespace

TEST_CASE("reference families: Gemma") {
  const at::NoGradGuard no_grad;
  const auto model = small("gemma");
  const at::Tensor ids = random_ids(Seed(5), 1, 13, 60);
  const at::Tensor expected = gemma(Weights(*model), ids[0], 2);
  CHECK(max_difference(all_logits(*model, {ids, {}, {}})[0], expected) < 1e-4);
}

TEST_CASE("reference families: GPT-NeoX with attention and MLP one after the other") {
  const at::NoGradGuard no_grad;
  const auto model = small("gpt_neox, sequential");
  const at::Tensor ids = random_ids(Seed(5), 1, 13, 60);
  const at::Tensor expected = sequential_neox(Weights(*model), ids[0], 2);
  CHECK(max_difference(all_logits(*model, {ids, {}, {}})[0], expected) < 1e-4);
}

TEST_CASE("reference families: GPT-2 as the hub spells it, without prefix and with its masks") {
  const at::NoGradGuard no_grad;
  const fennec::test::TempDir dir;
  const auto model = small("gpt2");
  save_checkpoint(*model, dir / "saved", Dtype::kF32);
  const std::vector<float> mask(64 * 64, 1), masked_bias(1, -1e4F);
  rewrite(dir / "saved", dir / "hub", [&](std::vector<TensorView>& tensors) {
    for (TensorView& tensor : tensors) tensor.name.erase(0, std::string("transformer.").size());
    tensors.push_back({"h.0.attn.bias", Dtype::kF32, {1, 1, 64, 64}, std::as_bytes(std::span(mask))});
    tensors.push_back({"h.1.attn.masked_bias", Dtype::kF32, {}, std::as_bytes(std::span(masked_bias))});
  });
  const auto loaded = load_causal_lm(dir / "hub");
  const TokenBatch batch{random_ids(Seed(8), 2, 12, 60), {}, {}};
  CHECK(at::equal(all_logits(*loaded, batch), all_logits(*model, batch)));
  CHECK(loaded->projections().front()->module() == "transformer.h.0.attn.c_attn");
  save_checkpoint(*loaded, dir / "again", Dtype::kF32);
  CHECK(base_model_digest(dir / "again") == base_model_digest(dir / "saved"));
}

TEST_CASE("reference families: GPT-2 divides scores by the layer's number when told so") {
  const at::NoGradGuard no_grad;
  const fennec::test::TempDir dir;
  const auto plain = small("gpt2");
  save_checkpoint(*plain, dir / "plain", Dtype::kF32);
  // The same model with the factor moved into the queries: layer i of it has W_q and b_q divided by i
  // + 1.
  std::vector<std::vector<float>> held;
  rewrite(dir / "plain", dir / "scaled", [&](std::vector<TensorView>& tensors) {
    for (TensorView& tensor : tensors) {
      if (tensor.name.find("h.1.attn.c_attn") == std::string::npos) continue;
      auto& values = held.emplace_back(tensor.element_count());
      REQUIRE(to_float(tensor, values));
      for (std::size_t i = 0; i < values.size(); ++i)
        if (i % 72 < 24) values[i] /= 2;
      tensor.bytes = std::as_bytes(std::span<const float>(values));
    }
  });
  auto config = read_text_file(dir / "plain/config.json");
  config.insert(config.find('{') + 1, "\"scale_attn_by_inverse_layer_idx\": true,");
  write_file_atomically(dir / "plain/config.json", config);
  const TokenBatch batch{random_ids(Seed(8), 2, 12, 60), {}, {}};
  CHECK(max_difference(all_logits(*load_causal_lm(dir / "plain"), batch),
                       all_logits(*load_causal_lm(dir / "scaled"), batch)) < 1e-5);
}

TEST_CASE("reference families: learned positions end where they end") {
  const at::NoGradGuard no_grad;
  const auto model = small("gpt2");
  CHECK_NOTHROW(model->hidden({random_ids(Seed(1), 1, 64, 60), {}, {}}));
  CHECK_THROWS_WITH_AS(model->hidden({random_ids(Seed(1), 1, 65, 60), {}, {}}),
                       "a text of more than 64 tokens: the model has learned no more positions; lower "
                       "train.max_sequence_tokens or --max-tokens",
                       ConfigError);
}
