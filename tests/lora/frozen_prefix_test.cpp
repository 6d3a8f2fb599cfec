#include "lora/frozen_prefix.h"

#include <algorithm>
#include <set>
#include <utility>

#include <ATen/core/grad_mode.h>

#include "lora/example_scores.h"
#include "lora/trainer.h"
#include "model/llama.h"
#include "tests/lora/counting_model.h"
#include "tests/lora/tiny_llama.h"
#include "tests/model/small_families.h"
#include "tests/support/doctest_torch.h"
#include "tests/support/temp_dir.h"

using namespace fennec;  // NOLINT: test

namespace {

constexpr std::int64_t kFirst = 2;

std::unique_ptr<CausalLm> four_layers(double theta = 10000) {
  LlamaConfig config;
  config.vocab_size = 40;
  config.hidden_size = 16;
  config.intermediate_size = 24;
  config.num_layers = 4;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 4;
  config.tied_head = false;
  config.rope.max_positions = 128;
  config.rope.theta = theta;
  return new_llama(config, Seed(1));
}

/// Adapters on the last two of four layers, several passes over the data.
struct Case {
  std::unique_ptr<CausalLm> model = four_layers();
  LoraConfig lora{4, 8, false, {"all-linear"}};
  TrainConfig train;
  ParameterSet start = initial_lora(test::layout_for(*model, 4, kFirst), Seed(5));
  std::vector<TokenizedExample> examples = test::random_examples(12, 10, 7);

  Case() {
    train.learning_rate = 1e-2;
    train.local_steps = 0;
    train.local_epochs = 3;
    train.batch_tokens = 48;
    train.max_sequence_tokens = 24;
    train.prefix_cache.precision = "fp32";
  }

  /// @return the trained adapter; `report` says how
  ParameterSet run(CausalLm& on, PrefixStore* store, TrainHooks hooks = {}) {
    hooks.prefix_store = store;
    ParameterSet adapter = start.clone();
    const auto result = Trainer(on, lora, train).train(adapter, examples, Seed(9), hooks);
    REQUIRE(result);
    report = *result;
    return adapter;
  }
  ParameterSet run(PrefixStore* store) { return run(*model, store); }

  TrainReport report;
};

bool same(const ParameterSet& a, const ParameterSet& b) {
  return std::ranges::equal(a.bytes(), b.bytes());
}

double relative(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

std::string identity_of(const CausalLm& model, const char* digest = "d",
                        const char* precision = "fp32") {
  return prefix_identity(model, digest, precision);
}

}  // namespace

TEST_CASE("frozen prefix: kept or not, in memory, on disk, in part or from before: the same bits") {
  const auto check = [](Case& c) {
    const ParameterSet plain = c.run(nullptr);
    const std::int64_t uses = c.report.num_examples;
    const TrainReport first = c.report;
    CHECK_FALSE(same(plain, c.start));
    const test::TempDir dir;
    const auto roomy = make_memory_prefix_store(1 << 20), tight = make_memory_prefix_store(2000),
               cold = make_disk_prefix_store(dir.path(), identity_of(*c.model), 1 << 20);
    for (PrefixStore* store : {roomy.get(), tight.get(), cold.get(), roomy.get(), cold.get()}) {
      CHECK(same(c.run(store), plain));
      CHECK(c.report.first_loss == first.first_loss);
      CHECK(c.report.mean_loss == first.mean_loss);
      CHECK(c.report.prefixes_computed + c.report.prefixes_reused >= uses);
      CHECK(c.report.prefixes_reused > 0);
      CHECK(store->bytes() > 0);
    }
    CHECK(c.report.prefixes_computed == 0);  // from before
    const auto warm = make_disk_prefix_store(dir.path(), identity_of(*c.model), 1 << 20);
    CHECK(same(c.run(warm.get()), plain));
    CHECK(c.report.prefixes_computed == 0);
  };
  for (const std::string& optimizer : optimizer_names())
    for (const bool checkpointing : {false, true}) {
      CAPTURE(optimizer);
      CAPTURE(checkpointing);
      Case c;
      c.train.optimizer = optimizer;
      c.train.gradient_checkpointing = checkpointing;
      check(c);
    }
  Case chosen;
  chosen.train.selection = {"mixed", 0.5, 0.0};
  check(chosen);
}

TEST_CASE("frozen prefix: computed once for each example, and never with a graph") {
  Case c;
  c.train.local_epochs = 5;
  test::CountingModel counting(*c.model);
  const auto store = make_memory_prefix_store(1 << 20);
  c.run(counting, store.get());
  CHECK(counting.prefixes == 12);
  CHECK(c.report.prefixes_computed == 12);
  CHECK(c.report.prefixes_reused == 4 * 12);
  CHECK(counting.forwards == c.report.steps);
  CHECK(counting.with_graph == c.report.steps);  // the layers above
  c.run(counting, nullptr);
  CHECK(counting.prefixes == 12 + 5 * 12);
  CHECK(c.report.prefixes_computed == 5 * 12);
  CHECK(c.report.prefixes_reused == 0);
  // The same tokens in another role are the same states.
  for (TokenizedExample& example : c.examples) example.prompt_tokens = 1;
  c.run(counting, store.get());
  CHECK(c.report.prefixes_computed == 0);
}

TEST_CASE("frozen prefix: with nothing frozen there is none, with the head alone it is every layer") {
  Case c;
  test::CountingModel counting(*c.model);
  const auto store = make_memory_prefix_store(1 << 20);
  c.start = initial_lora(test::layout_for(*c.model, 4), Seed(5));
  c.run(counting, store.get());
  CHECK(counting.prefixes == 0);
  CHECK(store->bytes() == 0);
  CHECK(c.report.prefixes_computed == 0);
  const Projection* head = c.model->output_head();
  REQUIRE(head != nullptr);
  c.start = initial_lora(lora_layout({{head->module(), head->in_features(), head->out_features()}}, 4),
                         Seed(5));
  const ParameterSet plain = c.run(nullptr);
  CHECK(same(c.run(counting, store.get()), plain));
  CHECK(counting.prefixes == 12);
}

TEST_CASE("frozen prefix: what enters late leaves as what began at the tokens, in every family") {
  const auto examples = test::random_examples(5, 12, 7);
  for (const PackedBatch& rows : {PackedBatch{{0}, {1}, {2}}, PackedBatch{{0, 1, 2}, {3, 4}}})
    for (const test::SmallFamily& family : test::kSmallFamilies) {
      CAPTURE(std::string(family.label));
      const at::NoGradGuard no_grad;
      const auto model = test::random_family(family);
      const TrainBatch batch = make_batch(examples, rows);
      const at::Tensor whole = model->hidden(batch.tokens).flatten(0, 1);
      for (std::int64_t layer = 1; layer <= model->layers(); ++layer) {
        TokenBatch late = batch.tokens;
        late.states = model->states_before(batch.tokens, layer);
        late.first_layer = layer;
        CHECK(at::equal(model->hidden(late).flatten(0, 1), whole));
        // Each example by itself: the same but for rounding.
        TrainBatch each = batch;
        FrozenPrefix(*model, layer, StatePrecision::kFp32, nullptr).enter(examples, each);
        const at::Tensor hidden = model->hidden(each.tokens).flatten(0, 1);
        for (const PlacedExample& placed : batch.examples) {
          const auto tokens = static_cast<std::int64_t>(examples[placed.example].ids.size());
          const auto of = [&](const at::Tensor& t) { return t.narrow(0, placed.row, tokens); };
          CHECK(relative(of(each.tokens.states), of(late.states)) < 1e-5);
          CHECK(relative(of(hidden), of(whole)) < 1e-5);
        }
      }
    }
}

TEST_CASE("frozen prefix: another base, precision, layer or text has other keys") {
  const auto model = four_layers();
  std::set<std::string> identities = {identity_of(*model), identity_of(*model, "e"),
                                      identity_of(*model, "d", "int8")};
  identities.insert(identity_of(*four_layers(5000)));  // nothing that the tensors would tell
  CHECK(identities.size() == 4);
  CHECK(identity_of(*model) == identity_of(*four_layers()));

  const TokenizedExample a{{1, 2, 3}, 1}, b{{1, 2, 4}, 1}, shorter{{1, 2}, 1};
  const auto key = [](const TokenizedExample& e, std::int64_t layer, StatePrecision p) {
    return prefix_key(e, layer, p);
  };
  const std::set<PrefixStore::Key> keys = {
      key(a, 2, StatePrecision::kFp32), key(b, 2, StatePrecision::kFp32),
      key(shorter, 2, StatePrecision::kFp32), key(a, 3, StatePrecision::kFp32),
      key(a, 2, StatePrecision::kBf16)};
  CHECK(keys.size() == 5);
  CHECK(prefix_keys({a, b, a}, 2, StatePrecision::kFp32).size() == 2);
}

TEST_CASE(
    "frozen prefix: rounded states train to nearly the same loss, and to the same bits each time") {
  Case c;
  c.train.local_epochs = 12;
  c.run(nullptr);
  const TrainReport exact = c.report;
  for (const char* precision : {"bf16", "int8"}) {
    CAPTURE(std::string(precision));
    c.train.prefix_cache.precision = precision;
    const auto roomy = make_memory_prefix_store(1 << 20), none = make_memory_prefix_store(1);
    const ParameterSet kept = c.run(roomy.get());
    CHECK(std::abs(c.report.last_loss - exact.last_loss) < 1e-2);
    CHECK(std::abs(c.report.mean_loss - exact.mean_loss) < 1e-2);
    CHECK(c.report.mean_loss != exact.mean_loss);
    CHECK(same(c.run(none.get()), kept));
    CHECK(c.report.prefixes_reused == 0);
  }
}

TEST_CASE("frozen prefix: stopped and resumed in another process, training ends in the same bits") {
  Case c;
  const ParameterSet whole = c.run(nullptr);
  const test::TempDir dir;
  TrainHooks hooks;
  hooks.checkpoint = dir / "train.safetensors";
  std::stop_source stop;
  hooks.stop = stop.get_token();
  hooks.on_step = [&](std::int64_t step, std::int64_t, double) {
    if (step == 3) stop.request_stop();
  };
  const auto before = make_disk_prefix_store(dir / "c", identity_of(*c.model), 1 << 20);
  hooks.prefix_store = before.get();
  ParameterSet adapter = c.start.clone();
  REQUIRE_FALSE(Trainer(*c.model, c.lora, c.train).train(adapter, c.examples, Seed(9), hooks));
  const auto after = make_disk_prefix_store(dir / "c", identity_of(*c.model), 1 << 20);
  TrainHooks resume;
  resume.checkpoint = hooks.checkpoint;
  CHECK(same(c.run(*c.model, after.get(), resume), whole));
}

TEST_CASE("frozen prefix: scores of examples come through the store") {
  Case c;
  const auto store = make_memory_prefix_store(1 << 20);
  FrozenPrefix prefix(*c.model, kFirst, StatePrecision::kFp32, store.get());
  const auto plain = score_examples(*c.model, c.examples, 48),
             late = score_examples(*c.model, c.examples, 48, {}, &prefix);
  REQUIRE(plain);
  REQUIRE(late);
  for (std::size_t i = 0; i < c.examples.size(); ++i) {
    CHECK(late->scores[i].loss == doctest::Approx(plain->scores[i].loss).epsilon(1e-5));
    CHECK(late->scores[i].el2n == doctest::Approx(plain->scores[i].el2n).epsilon(1e-5));
    CHECK(late->scores[i].ifd == doctest::Approx(plain->scores[i].ifd).epsilon(1e-5));
  }
  for (std::size_t i = 0; i < plain->points.size(); ++i)
    CHECK(late->points[i] == doctest::Approx(plain->points[i]).epsilon(1e-4));
  CHECK(prefix.counts().computed == 12);
}
