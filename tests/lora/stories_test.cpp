#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "core/parameter_math.h"
#include "core/peft_directory.h"
#include "core/safetensors.h"
#include "lora/adapter_attachment.h"
#include "lora/trainer.h"
#include "tests/lora/stories.h"

using namespace fennec;  // NOLINT: test

TEST_CASE("stories260K: sixty steps of LoRA fine-tuning follow the reference") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  const auto dir = test::shared("pretrained/stories260K");
  const auto expected = test::stories_losses();
  const auto model = load_causal_lm(dir);
  PeftAdapter adapter = read_peft_directory(dir / "adapter_init");
  const ParameterSet start = adapter.tensors.clone();
  std::vector<double> losses;
  TrainHooks hooks;
  hooks.on_step = [&](std::int64_t, std::int64_t, double loss) { losses.push_back(loss); };
  const auto report = Trainer(*model, {8, 16, false, {}}, test::stories_training())
                          .train(adapter.tensors, test::stories_batch(), Seed(1), hooks);
  REQUIRE(report);
  CHECK(report->supervised_tokens == 60 * 8 * 63);
  for (std::size_t i = 0; i < losses.size(); ++i) {
    CAPTURE(i);
    CHECK(losses[i] == doctest::Approx(expected[i]).epsilon(1e-3));
  }
  const PeftAdapter tuned = read_peft_directory(dir / "adapter_tuned");
  std::vector<float> moved(start.size()), apart(start.size());
  subtract(tuned.tensors.values(), start.values(), moved);
  subtract(tuned.tensors.values(), std::as_const(adapter.tensors).values(), apart);
  CHECK(l2_norm(apart) <= 1e-2 * l2_norm(moved));
}

TEST_CASE("stories260K: the gradients of the first step") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  const auto dir = test::shared("pretrained/stories260K");
  const auto model = load_causal_lm(dir);
  PeftAdapter adapter = read_peft_directory(dir / "adapter_init");
  const AdapterAttachment attached(*model, adapter.tensors, adapter.config, true);
  auto ids = test::integers(Safetensors::open(dir / "expected_finetune.safetensors"), "batch");
  const TokenBatch batch{at::from_blob(ids.data(), {8, 64}, at::kLong), {}, {}};
  const LossSum loss = supervised_loss(*model, batch, batch.ids);
  (loss.sum / static_cast<double>(loss.positions)).backward();
  const Safetensors expected =
      Safetensors::open(dir / "adapter_init" / "expected_step0_grads.safetensors");
  const auto& entries = adapter.tensors.layout()->entries();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    CAPTURE(entries[i].name);
    const TensorView* view = expected.find("grad." + entries[i].name);
    REQUIRE(view != nullptr);
    at::Tensor want = at::empty(view->shape, at::kFloat);
    std::memcpy(want.data_ptr(), view->bytes.data(), view->bytes.size());
    const double worst = (attached.tensors()[i].grad() - want).abs().max().item<double>();
    CHECK(worst <= 2e-5 * std::max(want.abs().max().item<double>(), 1e-3));
  }
}

TEST_CASE("stories260K: the tuned adapter tells the tuned story") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  const auto dir = test::shared("pretrained/stories260K");
  const auto model = load_causal_lm(dir);
  PeftAdapter adapter = read_peft_directory(dir / "adapter_tuned");
  const AdapterAttachment attached(*model, adapter.tensors, adapter.config, false);
  const Safetensors expected = Safetensors::open(dir / "expected_finetune.safetensors");
  const at::NoGradGuard no_grad;
  auto ids = test::integers(expected, "batch");
  const TokenBatch row{at::from_blob(ids.data(), {1, 64}, at::kLong), {}, {}};
  const at::Tensor logits = model->head(model->hidden(row).flatten(0, 1));
  at::Tensor want = at::empty({64, 512}, at::kFloat);
  std::memcpy(want.data_ptr(), expected.find("tuned_logits_row0")->bytes.data(), 64 * 512 * 4);
  CHECK((logits - want).abs().max().item<double>() <= 2e-4);

  const auto story = test::integers(expected, "greedy_ids");
  const TokenBatch whole{at::from_blob(const_cast<std::int64_t*>(story.data()),
                                       {1, static_cast<std::int64_t>(story.size())}, at::kLong),
                         {},
                         {}};
  const at::Tensor next = model->head(model->hidden(whole).flatten(0, 1)).argmax(1);
  for (std::size_t i = 0; i + 1 < story.size(); ++i) {
    CAPTURE(i);
    CHECK(next[static_cast<std::int64_t>(i)].item<std::int64_t>() == story[i + 1]);
  }
}
