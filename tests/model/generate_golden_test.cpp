#include "tests/support/doctest_torch.h"

#include <algorithm>

#include "model/generate.h"
#include "tests/model/golden.h"
#include "tests/support/shared.h"

namespace {

using namespace fennec;
using fennec::test::golden_tensor;

using Ids = std::vector<TokenId>;

Ids ids_of(const at::Tensor& row) {
  Ids ids;
  for (std::int64_t i = 0; i < row.numel(); ++i)
    ids.push_back(static_cast<TokenId>(row[i].item<std::int64_t>()));
  return ids;
}

/// Folders of golden checkpoints, one or more a family.
std::vector<std::filesystem::path> golden_checkpoints() {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(fennec::test::shared("golden"))) {
    if (std::filesystem::exists(entry.path() / "expected.safetensors")) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

TEST_CASE("generate golden: greedy ids of every known family, alone and in a padded batch") {
  FENNEC_NEEDS_SHARED("golden");
  constexpr std::ptrdiff_t kPromptTokens = 6;
  const auto checkpoints = golden_checkpoints();
  CHECK(checkpoints.size() >= 4);
  for (const auto& dir : checkpoints) {
    CAPTURE(dir.filename().string());
    const auto model = load_causal_lm(dir);
    const auto expected = Safetensors::open(dir / "expected.safetensors");
    const Ids greedy = ids_of(golden_tensor(expected, "greedy_ids").flatten());
    const Ids prompt(greedy.begin(), greedy.begin() + kPromptTokens),
        answer(greedy.begin() + kPromptTokens, greedy.end());
    GenerateOptions options;
    options.max_new_tokens = static_cast<std::int64_t>(answer.size());
    CHECK(generate(*model, {prompt}, options).at(0) == answer);
    // Prompts that go further along the same text are padded differently and must end alike.
    std::vector<Ids> prompts;
    for (std::ptrdiff_t more = 0; more < 6; more += 2)
      prompts.emplace_back(greedy.begin(), greedy.begin() + kPromptTokens + more);
    const auto answers = generate(*model, prompts, options);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const std::size_t left = greedy.size() - prompts[i].size();
      CHECK(Ids(answers[i].begin(), answers[i].begin() + static_cast<std::ptrdiff_t>(left)) ==
            Ids(greedy.end() - static_cast<std::ptrdiff_t>(left), greedy.end()));
    }
  }
}

TEST_CASE("generate golden: the first tokens after the reference's left-padded prompts") {
  FENNEC_NEEDS_SHARED("golden");
  for (const auto& dir : golden_checkpoints()) {
    CAPTURE(dir.filename().string());
    const auto model = load_causal_lm(dir);
    const auto expected = Safetensors::open(dir / "expected.safetensors");
    const auto padded = golden_tensor(expected, "pad_input_ids"),
               mask = golden_tensor(expected, "pad_attention_mask");
    std::vector<Ids> prompts;
    for (std::int64_t row = 0; row < padded.size(0); ++row)
      prompts.push_back(ids_of(padded[row].masked_select(mask[row].ne(0))));
    GenerateOptions options;
    options.max_new_tokens = 1;
    std::vector<Ids> best;
    const auto choices = golden_tensor(expected, "pad_last_logits").argmax(-1);
    for (std::int64_t row = 0; row < choices.numel(); ++row)
      best.push_back(ids_of(choices[row].view({1})));
    CHECK(generate(*model, prompts, options) == best);
  }
}
