#include <cmath>
#include <utility>

#include <ATen/ATen.h>

#include "model/activation.h"
#include "model/transformer.h"
#include "model/weight_source.h"

namespace fennec {
namespace {

constexpr std::string_view kPrefix = "transformer.";

struct Gpt2Config {
  std::int64_t vocab_size, width, layers, heads, positions, inner;
  double layer_norm_eps;
  Activation activation;
  bool tied_head, scales_attention, scales_by_layer;
};

Gpt2Config read_gpt2_config(const HfConfig& hf) {
  Gpt2Config c{};
  c.vocab_size = hf.size("vocab_size", 50257);
  c.width = hf.size("n_embd", 768);
  c.layers = hf.size("n_layer", 12);
  c.heads = hf.size("n_head", 12);
  c.positions = hf.size("n_positions", 1024);
  c.inner = hf.size("n_inner", 4 * c.width);
  c.layer_norm_eps = hf.number("layer_norm_epsilon", 1e-5);
  c.activation = read_activation(hf, "activation_function", "gelu_new");
  c.tied_head = hf.flag("tie_word_embeddings", true);
  c.scales_attention = hf.flag("scale_attn_weights", true);
  c.scales_by_layer = hf.flag("scale_attn_by_inverse_layer_idx", false);
  if (c.width % c.heads != 0) hf.refuse("n_head", "does not divide n_embd");
  if (!(c.layer_norm_eps > 0)) hf.refuse("layer_norm_epsilon", "must be positive");
  if (hf.flag("add_cross_attention", false))
    hf.refuse("add_cross_attention", "is true: only decoders without an encoder are supported");
  return c;
}

/// The hub's gpt2 file leaves out the prefix that save_pretrained writes.
class Gpt2Source final : public WeightSource {
 public:
  explicit Gpt2Source(WeightSource& file)
      : file_(file),
        is_bare_(!file.contains("transformer.wte.weight") && file.contains("wte.weight")) {}

  bool contains(const std::string& name) const override { return file_.contains(stored(name)); }
  at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape) override {
    return file_.take(stored(name), shape);
  }
  FrozenWeight take_matrix(const std::string& name, std::int64_t rows, std::int64_t columns,
                           MatrixRole role) override {
    return file_.take_matrix(stored(name), rows, columns, role);
  }
  FrozenWeight keep(at::Tensor matrix, MatrixRole role) const override {
    return file_.keep(std::move(matrix), role);
  }
  void finish(const std::function<bool(const std::string&)>& ignored) const override {
    file_.finish(ignored);
  }

  /// Conv1D: "<module>.weight" lies in the file as [in, out].
  Projection take_conv1d(const std::string& module, std::int64_t in, std::int64_t out) {
    const at::Tensor stored = take(module + ".weight", {in, out});
    return {module, keep(stored.t().contiguous(), MatrixRole::kLinear), take(module + ".bias", {out}),
            /*conv1d=*/true};
  }

 private:
  std::string stored(const std::string& name) const {
    return is_bare_ && name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
  }
  WeightSource& file_;
  bool is_bare_;
};

enum Linear : std::size_t { kQkv, kAttentionOut, kUp, kDown };
enum NormPlace : std::size_t { kNorm1, kNorm2 };

std::string layer_path(std::int64_t index) {
  return std::string(kPrefix) + "h." + std::to_string(index) + ".";
}

class Gpt2Block final : public TransformerBlock {
 public:
  Gpt2Block(const Gpt2Config& c, Gpt2Source& source, std::int64_t index)
      : TransformerBlock(take_norms(c, source, layer_path(index)),
                         take_linears(c, source, layer_path(index))),
        heads_(c.heads),
        activation_(c.activation) {
    // attention() divides scores by √E; what this family does otherwise is put into the queries.
    if (!c.scales_attention) query_scale_ = std::sqrt(static_cast<double>(c.width / c.heads));
    if (c.scales_by_layer) query_scale_ /= static_cast<double>(index + 1);
  }

  at::Tensor forward(const at::Tensor& x, std::int64_t layer, const ForwardPass& pass) const override {
    const at::Tensor h =
        linears_[kAttentionOut].forward(attend(norms_[kNorm1].forward(x), layer, pass), x);
    const at::Tensor inner = linears_[kUp].forward(norms_[kNorm2].forward(h));
    return linears_[kDown].forward(activate(activation_, inner), h);
  }

  std::unique_ptr<TransformerBlock> share() const override {
    return std::make_unique<Gpt2Block>(*this);
  }

 private:
  static std::vector<Norm> take_norms(const Gpt2Config& c, Gpt2Source& source,
                                      const std::string& layer) {
    const NormKind kind{NormKind::Form::kLayer, c.layer_norm_eps};
    return {take_norm(source, kind, layer + "ln_1", c.width),
            take_norm(source, kind, layer + "ln_2", c.width)};
  }
  static std::vector<Projection> take_linears(const Gpt2Config& c, Gpt2Source& source,
                                              const std::string& layer) {
    std::vector<Projection> linears;
    linears.push_back(source.take_conv1d(layer + "attn.c_attn", c.width, 3 * c.width));
    linears.push_back(source.take_conv1d(layer + "attn.c_proj", c.width, c.width));
    linears.push_back(source.take_conv1d(layer + "mlp.c_fc", c.width, c.inner));
    linears.push_back(source.take_conv1d(layer + "mlp.c_proj", c.inner, c.width));
    return linears;
  }

  at::Tensor attend(const at::Tensor& x, std::int64_t layer, const ForwardPass& pass) const {
    const at::Tensor qkv = linears_[kQkv].forward(x);  // [N, 3·D]
    const auto parts = qkv.split(qkv.size(1) / 3, 1);
    const at::Tensor q = query_scale_ == 1 ? parts[0] : parts[0] * query_scale_;
    return attend_rotary(pass.attention, q, parts[1], parts[2], {pass.batch, heads_, heads_},
                         RopeTable{}, layer, pass.cache);
  }

  std::int64_t heads_;
  Activation activation_;
  double query_scale_ = 1;
};

bool is_ignored(const std::string& name, bool tied_head) {
  return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") ||
         (tied_head && name == "lm_head.weight");
}

}  // namespace

/// GPT-2: learned positions, layer norms, one fused q|k|v, a plain GELU MLP, weights stored as Conv1D.
std::unique_ptr<CausalLm> load_gpt2(const HfConfig& hf, WeightSource& file) {
  const Gpt2Config c = read_gpt2_config(hf);
  Gpt2Source source(file);
  TransformerFrame frame;
  frame.embedding = take_embedding(source, "transformer.wte", c.vocab_size, c.width);
  frame.positions = {"transformer.wpe.weight",
                     source.take("transformer.wpe.weight", {c.positions, c.width})};
  TransformerBlocks blocks;
  for (std::int64_t i = 0; i < c.layers; ++i)
    blocks.push_back(std::make_unique<Gpt2Block>(c, source, i));
  frame.norm =
      take_norm(source, {NormKind::Form::kLayer, c.layer_norm_eps}, "transformer.ln_f", c.width);
  if (!c.tied_head) frame.head = take_head(source, "lm_head", c.width, c.vocab_size);
  frame.kv_heads = c.heads;
  frame.head_dim = c.width / c.heads;
  frame.max_positions = c.positions;
  frame.config_json = hf.json_text();
  source.finish([&](const std::string& name) { return is_ignored(name, c.tied_head); });
  return make_transformer(std::move(frame), std::move(blocks));
}

}  // namespace fennec
