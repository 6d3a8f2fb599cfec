#include "simulations/pretrain.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "core/digest.h"
#include "core/error.h"
#include "core/files.h"
#include "model/causal_lm.h"
#include "model/tokenizer.h"
#include "simulations/pretrain_batch.h"
#include "tests/support/temp_dir.h"

namespace fennec {
namespace {

PretrainConfig small_config() {
  PretrainConfig c;
  c.seed = 5;
  c.model = {.hidden = 32,
             .intermediate = 48,
             .layers = 1,
             .heads = 2,
             .kv_heads = 1,
             .vocab = 400,
             .max_positions = 512};
  c.tokenizer_documents = 200;
  c.cycles = {{4, 3e-3, 1e-3}, {2, 2e-3, 1e-4}};
  c.documents_per_step = 8;
  c.max_document_tokens = 160;
  c.warmup_steps = 2;
  c.held_out_documents = 12;
  c.evaluate_steps = 2;
  c.checkpoint_steps = 2;
  c.threads = 2;
  return c;
}

}  // namespace

TEST_CASE("pretraining writes a model that loads, and an interrupted run ends in the same bytes") {
  const PretrainConfig config = small_config();
  const test::TempDir whole, broken;
  const PretrainResult result = pretrain(config, whole.path(), "command");
  CHECK(result.curve.size() == 3);
  CHECK(result.curve.back().held_out_answer < result.curve.front().held_out_answer);
  pretrain(config, broken.path(), "command", [](std::int64_t step) { return step < 3; });
  CHECK_FALSE(std::filesystem::exists(broken / "model.safetensors"));
  pretrain(config, broken.path(), "command");
  for (const char* name :
       {"model.safetensors", "config.json", "generation_config.json", "tokenizer.json"}) {
    CAPTURE(std::string(name));
    CHECK(to_hex(sha256_file(whole / name)) == to_hex(sha256_file(broken / name)));
  }
  const auto model = load_causal_lm(whole.path());
  CHECK(model->layers() == 1);
  const Tokenizer tokenizer = Tokenizer::load(whole.path());
  CHECK(tokenizer.eos().front() == 0);
  CHECK(tokenizer.pad() == 1);
  CHECK(tokenizer.encode(" 356 44").size() == 5);  // a number's space belongs to its first digit
  CHECK(read_text_file(whole / "README.md").find("model.safetensors") != std::string::npos);
}

TEST_CASE("a checkpoint of another configuration is refused") {
  PretrainConfig config = small_config();
  const test::TempDir dir;
  pretrain(config, dir.path(), "command", [](std::int64_t step) { return step < 3; });
  config.cycles[0].peak *= 2;
  CHECK_THROWS_AS(pretrain(config, dir.path(), "command"), IoError);
}

TEST_CASE("batches keep every token, mark answers and pad with weight 0") {
  std::vector<PretrainDocument> documents;
  for (std::size_t n = 3; n < 20; ++n) {
    PretrainDocument d;
    for (std::size_t i = 0; i < n; ++i) {
      d.ids.push_back(static_cast<TokenId>(2 + i));
      d.answer.push_back(i + 2 >= n);
    }
    documents.push_back(d);
  }
  std::int64_t tokens = 0;
  double weights = 0;
  for (const PretrainBatch& batch : make_batches(documents, 4, 0.5, 1)) {
    tokens += batch.tokens;
    weights += batch.weights.sum().item<double>();
    CHECK(batch.weight_sum == doctest::Approx(batch.weights.sum().item<double>()));
    CHECK(batch.answers.sum().item<std::int64_t>() == 2 * batch.ids.size(0));
    CHECK(batch.ids.eq(1).sum().item<std::int64_t>() == batch.ids.numel() - batch.tokens);
  }
  double expected = 0;
  std::int64_t all = 0;
  for (const PretrainDocument& d : documents) {
    all += static_cast<std::int64_t>(d.ids.size());
    expected += 0.5 * static_cast<double>(d.ids.size() - 3) + 2;
  }
  CHECK(tokens == all);
  CHECK(weights == doctest::Approx(expected));
}

TEST_CASE("the step size warms up from where the cycle before ended, then follows half a cosine") {
  PretrainConfig c;
  c.warmup_steps = 10;
  c.cycles = {{110, 4e-3, 1e-3}, {60, 2e-3, 0}};
  CHECK(total_steps(c) == 170);
  CHECK(learning_rate_at(c, 0) == doctest::Approx(4e-4));
  CHECK(learning_rate_at(c, 10) == doctest::Approx(4e-3));
  CHECK(learning_rate_at(c, 60) == doctest::Approx(2.5e-3));
  CHECK(learning_rate_at(c, 114) == doctest::Approx(1.5e-3));
  CHECK(learning_rate_at(c, 120) == doctest::Approx(2e-3));
  CHECK(learning_rate_at(c, 145) == doctest::Approx(1e-3));
}

TEST_CASE("the shipped recipe reads and checks") {
  const PretrainConfig config =
      load_pretrain_config(std::filesystem::path(FENNEC_SOURCE) / "configs/pretrain/sensor-tiny.yaml");
  CHECK(validate(config).empty());
  PretrainConfig wrong = config;
  wrong.model.heads = 3;
  wrong.checkpoint_steps = 150;
  CHECK(validate(wrong).size() >= 2);
}

}  // namespace fennec
