#include "tests/support/doctest_torch.h"

#include "model/generate.h"
#include "tests/model/golden.h"
#include "tests/support/shared.h"

namespace {

using namespace fennec;
using fennec::test::all_logits;
using fennec::test::golden_tensor;
using fennec::test::max_difference;

constexpr std::int64_t kPromptTokens = 6;  // greedy_ids: prompt, then what follows

void check_greedy(const CausalLm& model, const at::Tensor& expected) {
  std::vector<TokenId> ids;
  for (std::int64_t i = 0; i < expected.numel(); ++i)
    ids.push_back(static_cast<TokenId>(expected[i].item<std::int64_t>()));
  const std::vector<TokenId> prompt(ids.begin(), ids.begin() + kPromptTokens),
      answer(ids.begin() + kPromptTokens, ids.end());
  GenerateOptions options;
  options.max_new_tokens = static_cast<std::int64_t>(answer.size());
  CHECK(generate(model, {prompt}, options).at(0) == answer);
}

/// A left-padded batch: the golden files' attention mask as segments and positions.
void check_padded(const CausalLm& model, const Safetensors& expected) {
  const auto mask = golden_tensor(expected, "pad_attention_mask");
  TokenBatch batch{golden_tensor(expected, "pad_input_ids"), mask - 1,
                   (mask.cumsum(1) - 1).clamp_min(0)};
  CHECK(max_difference(all_logits(model, batch).select(1, -1),
                       golden_tensor(expected, "pad_last_logits")) < 1e-4);
}

void check_family_golden(const std::string& name) {
  CAPTURE(name);
  const auto dir = fennec::test::shared("golden/" + name);
  const auto model = load_causal_lm(dir);
  const auto expected = Safetensors::open(dir / "expected.safetensors");
  const at::NoGradGuard no_grad;
  const TokenBatch batch{golden_tensor(expected, "input_ids"), {}, {}};
  CHECK(max_difference(all_logits(*model, batch), golden_tensor(expected, "logits")) < 1e-4);
  const auto loss = supervised_loss(*model, batch, golden_tensor(expected, "labels"));
  const double mean = loss.sum.item<double>() / static_cast<double>(loss.positions);
  CHECK(mean == doctest::Approx(golden_tensor(expected, "loss").item<double>()).epsilon(1e-5));
  check_padded(*model, expected);
  check_greedy(*model, golden_tensor(expected, "greedy_ids"));
}

}  // namespace

TEST_CASE("llama golden: multi-head, untied head") {
  FENNEC_NEEDS_SHARED("golden/llama-mha-untied");
  check_family_golden("llama-mha-untied");
}

TEST_CASE("llama golden: grouped queries, tied head") {
  FENNEC_NEEDS_SHARED("golden/llama-gqa-tied");
  check_family_golden("llama-gqa-tied");
}

TEST_CASE("llama golden: shards, attention and MLP biases") {
  FENNEC_NEEDS_SHARED("golden/llama-gqa-sharded");
  check_family_golden("llama-gqa-sharded");
}

TEST_CASE("llama golden: llama3 rope scaling, explicit head_dim") {
  FENNEC_NEEDS_SHARED("golden/llama3-ropescaled");
  check_family_golden("llama3-ropescaled");
}
