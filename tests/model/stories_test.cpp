#include "tests/support/doctest_torch.h"

#include <nlohmann/json.hpp>

#include <ATen/core/grad_mode.h>

#include "core/files.h"
#include "model/generate.h"
#include "tests/model/golden.h"
#include "tests/support/shared.h"

namespace {

using namespace fennec;
using fennec::test::golden_tensor;

const std::filesystem::path kDir = fennec::test::shared("pretrained/stories260K");

}  // namespace

TEST_CASE("stories260K: logits and loss of real weights") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  const at::NoGradGuard no_grad;
  const auto model = load_causal_lm(kDir);
  const auto expected = Safetensors::open(kDir / "expected.safetensors");
  const TokenBatch batch{golden_tensor(expected, "input_ids"), {}, {}};
  CHECK(fennec::test::max_difference(fennec::test::all_logits(*model, batch),
                                     golden_tensor(expected, "logits")) < 1e-4);
  const auto loss = supervised_loss(*model, batch, batch.ids);
  CHECK(loss.positions == 127);
  CHECK(loss.sum.item<double>() / 127 ==
        doctest::Approx(golden_tensor(expected, "loss").item<double>()).epsilon(1e-5));
}

TEST_CASE("stories260K: greedy text from nothing but BOS, and five prompts as one batch") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  const auto model = load_causal_lm(kDir);
  const auto tokenizer = Tokenizer::load(kDir);
  const auto expected = nlohmann::json::parse(read_text_file(kDir / "expected.json"));
  GenerateOptions options;
  options.stop = tokenizer.eos();
  const auto story = expected["greedy_from_bos"]["ids"].get<std::vector<TokenId>>();
  options.max_new_tokens = static_cast<std::int64_t>(story.size()) - 1;
  CHECK(generate(*model, {{story.front()}}, options).at(0) ==
        std::vector<TokenId>(story.begin() + 1, story.end()));

  std::vector<std::vector<TokenId>> prompts, answers;
  std::int64_t longest = 0;
  for (const auto& entry : expected["prompts"]) {
    const auto prompt = entry["prompt_ids"].get<std::vector<TokenId>>(),
               all = entry["ids"].get<std::vector<TokenId>>();
    CHECK(tokenizer.encode(entry["prompt"].get<std::string>()) == prompt);
    prompts.push_back(prompt);
    answers.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(prompt.size()), all.end());
    longest = std::max(longest, static_cast<std::int64_t>(answers.back().size()));
  }
  options.max_new_tokens = longest;
  auto generated = generate(*model, prompts, options);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    generated[i].resize(std::min(generated[i].size(), answers[i].size()));
    CHECK(generated[i] == answers[i]);
  }
}
