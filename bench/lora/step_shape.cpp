#include "bench/lora/step_shape.h"

#include "bench/model/noise_weights.h"
#include "core/error.h"
#include "core/lora_layout.h"
#include "model/decoder.h"
#include "model/step_memory.h"

namespace fennec::bench {
namespace {

StepShape make_shape(std::string name, std::int64_t rows, std::int64_t tokens, std::int64_t layers,
                     std::int64_t width, std::int64_t inner, std::int64_t heads, std::int64_t kv_heads,
                     std::int64_t vocabulary) {
  StepShape shape{std::move(name), {}, rows, tokens, tokens - tokens / 2};
  shape.model.vocab_size = vocabulary;
  shape.model.hidden_size = width;
  shape.model.intermediate_size = inner;
  shape.model.num_layers = layers;
  shape.model.num_heads = heads;
  shape.model.num_kv_heads = kv_heads;
  shape.model.head_dim = width / heads;
  shape.model.rms_norm_eps = 1e-5;
  shape.model.tied_head = true;
  shape.model.rope.max_positions = 2048;
  return shape;
}

/// Completions of 4 tokens, heads of a width of their own.
StepShape short_answers(StepShape shape, std::int64_t head_width) {
  shape.completion = 4;
  shape.model.head_dim = head_width;
  return shape;
}

/// fp32 as training starts; other precisions straight from noise, so that fp32 is never in memory.
std::unique_ptr<CausalLm> random_model(const StepShape& shape) {
  if (shape.base_precision == "fp32") return new_llama(shape.model, Seed(1));
  NoiseWeights weights(shape.base_precision);
  return make_decoder(shape.model, weights, to_config_json(shape.model));
}

ParameterSet fresh_adapter(CausalLm& model, int rank) {
  std::vector<LinearShape> linears;
  for (const Projection* p : model.projections())
    linears.push_back({p->module(), p->in_features(), p->out_features()});
  return initial_lora(lora_layout(linears, rank), Seed(2));
}

}  // namespace

const std::vector<StepShape>& step_shapes() {
  static const std::vector<StepShape> shapes = {
      make_shape("d128", 2, 64, 4, 128, 352, 4, 2, 2048),
      make_shape("d256", 4, 128, 6, 256, 704, 4, 2, 2048),
      make_shape("smollm2-135m", 1, 256, 30, 576, 1536, 9, 3, 49152),
      make_shape("smollm2-135m-4", 4, 256, 30, 576, 1536, 9, 3, 49152),
      make_shape("qwen2.5-0.5b", 1, 256, 24, 896, 4864, 14, 2, 151936),
      short_answers(make_shape("gemma3-270m", 8, 64, 18, 640, 2048, 4, 1, 262144), 256),
  };
  return shapes;
}

const StepShape& step_shape(const std::string& name) {
  std::string known;
  for (const StepShape& shape : step_shapes()) {
    if (shape.name == name) return shape;
    known += " " + shape.name;
  }
  throw ConfigError("no shape '" + name + "'; there are:" + known);
}

StepSetup::StepSetup(const StepShape& of)
    : shape(of), model(random_model(of)), adapter(fresh_adapter(*model, of.rank)) {
  RandomStream stream{Seed(3)};
  examples.resize(static_cast<std::size_t>(4 * shape.rows));
  for (TokenizedExample& example : examples) {
    example.ids.resize(static_cast<std::size_t>(shape.tokens));
    for (TokenId& id : example.ids)
      id = static_cast<TokenId>(stream.below(static_cast<std::uint64_t>(shape.model.vocab_size)));
    example.prompt_tokens = static_cast<std::size_t>(shape.tokens - shape.completion);
  }
  lora.rank = shape.rank;
  lora.alpha = 2.0 * shape.rank;
  train.learning_rate = 1e-3;
  train.batch_tokens = static_cast<int>(tokens_per_step());
  train.max_sequence_tokens = static_cast<int>(shape.tokens);
  train.gradient_checkpointing = shape.gradient_checkpointing;
}

double StepSetup::floor_flop() const {
  double multiply_adds = 0;
  for (const Projection* p : model->projections())
    multiply_adds += static_cast<double>(p->in_features() * p->out_features() * tokens_per_step());
  multiply_adds +=
      static_cast<double>(shape.model.vocab_size * shape.model.hidden_size * shape.supervised());
  return 4 * multiply_adds;
}

double StepSetup::estimated_bytes() const {
  const LlamaConfig& c = shape.model;
  ModelShape sizes;
  sizes.layers = c.num_layers;
  sizes.width = c.hidden_size;
  sizes.heads = c.num_heads;
  sizes.kv_heads = c.num_kv_heads;
  sizes.head_width = c.head_dim;
  sizes.intermediate = c.intermediate_size;
  sizes.vocabulary = c.vocab_size;
  return estimate_step(sizes, {shape.base_precision, shape.rows, shape.tokens, shape.supervised(),
                               static_cast<std::int64_t>(adapter.size()), 7 * shape.rank,
                               shape.gradient_checkpointing})
      .total();
}

}  // namespace fennec::bench
