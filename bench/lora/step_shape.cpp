#include "bench/lora/step_shape.h"

#include "core/error.h"
#include "core/lora_layout.h"

namespace fennec::bench {
namespace {

StepShape make_shape(std::string name, std::int64_t rows, std::int64_t tokens, std::int64_t layers,
                     std::int64_t width, std::int64_t inner, std::int64_t heads, std::int64_t kv_heads,
                     std::int64_t vocabulary) {
  StepShape shape{std::move(name), {}, rows, tokens, 8};
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

ParameterSet fresh_adapter(CausalLm& model, int rank) {
  std::vector<LinearShape> linears;
  for (const Projection* p : model.projections())
    linears.push_back({p->module(), p->weight().size(1), p->weight().size(0)});
  return initial_lora(lora_layout(linears, rank), Seed(2));
}

}  // namespace

const std::vector<StepShape>& step_shapes() {
  static const std::vector<StepShape> shapes = {
      make_shape("d128", 2, 64, 4, 128, 352, 4, 2, 2048),
      make_shape("d256", 4, 128, 6, 256, 704, 4, 2, 2048),
      make_shape("smollm2-135m", 1, 256, 30, 576, 1536, 9, 3, 49152),
      make_shape("smollm2-135m-4", 4, 256, 30, 576, 1536, 9, 3, 49152),
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
    : shape(of), model(new_llama(of.model, Seed(1))), adapter(fresh_adapter(*model, of.rank)) {
  RandomStream stream{Seed(3)};
  examples.resize(static_cast<std::size_t>(4 * shape.rows));
  for (TokenizedExample& example : examples) {
    example.ids.resize(static_cast<std::size_t>(shape.tokens));
    for (TokenId& id : example.ids)
      id = static_cast<TokenId>(stream.below(static_cast<std::uint64_t>(shape.model.vocab_size)));
    example.prompt_tokens = example.ids.size() / 2;
  }
  lora.rank = shape.rank;
  lora.alpha = 2.0 * shape.rank;
  train.learning_rate = 1e-3;
  train.batch_tokens = static_cast<int>(tokens_per_step());
  train.max_sequence_tokens = static_cast<int>(shape.tokens);
}

double StepSetup::floor_flop() const {
  double multiply_adds = 0;
  for (const Projection* p : model->projections())
    multiply_adds += static_cast<double>(p->weight().numel() * tokens_per_step());
  const std::int64_t supervised = shape.rows * (shape.tokens - shape.tokens / 2);
  multiply_adds += static_cast<double>(shape.model.vocab_size * shape.model.hidden_size * supervised);
  return 4 * multiply_adds;
}

}  // namespace fennec::bench
