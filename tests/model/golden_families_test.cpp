#include "tests/support/doctest_torch.h"

#include <set>

#include <ATen/core/grad_mode.h>

#include "model/generate.h"
#include "model/hf_config.h"
#include "model/kv_cache.h"
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

/// One whole prompt token by token through the cache: what generation computes.
void check_cached(const CausalLm& model, const at::Tensor& ids, const at::Tensor& expected) {
  KvCache cache(model, ids.size(0), 1);
  std::vector<at::Tensor> hidden;
  for (std::int64_t t = 0; t < ids.size(1); ++t)
    hidden.push_back(model.hidden({ids.narrow(1, t, 1), {}, {}}, &cache));
  const at::Tensor logits = model.head(at::cat(hidden, 1).flatten(0, 1)).view(expected.sizes());
  CHECK(max_difference(logits, expected) < 1e-4);
}

void check_family_golden(const std::filesystem::path& dir) {
  const auto model = load_causal_lm(dir);
  const auto expected = Safetensors::open(dir / "expected.safetensors");
  const at::NoGradGuard no_grad;
  const TokenBatch batch{golden_tensor(expected, "input_ids"), {}, {}};
  const at::Tensor logits = golden_tensor(expected, "logits");
  CHECK(max_difference(all_logits(*model, batch), logits) < 1e-4);
  check_cached(*model, batch.ids, logits);
  const auto loss = supervised_loss(*model, batch, golden_tensor(expected, "labels"));
  const double mean = loss.sum.item<double>() / static_cast<double>(loss.positions);
  CHECK(mean == doctest::Approx(golden_tensor(expected, "loss").item<double>()).epsilon(1e-5));
  check_padded(*model, expected);
  check_greedy(*model, golden_tensor(expected, "greedy_ids"));
}

}  // namespace

TEST_CASE("golden families: logits, loss, left padding and greedy continuation of every checkpoint") {
  FENNEC_NEEDS_SHARED("golden");
  std::set<std::string> families;
  for (const auto& dir : fennec::test::golden_checkpoints()) {
    CAPTURE(dir.filename().string());
    families.emplace(HfConfig::read(dir).family().model_type);
    check_family_golden(dir);
  }
  CHECK(families.size() >= 6);
}
