// Every registered PEFT method over a base in a few bits.
#include "tests/support/doctest_torch.h"

#include "tests/lora/adapter_case.h"

using namespace fennec;
using namespace fennec::test;

namespace {

/// The loss, then the gradients of the adapter's tensors.
std::vector<at::Tensor> train_step(CausalLm& model, const AdapterCase& c, ParameterSet adapter) {
  const TokenBatch batch = counting_batch(2, 9);
  const AdapterAttachment attached(model, adapter, c.plan.config, true, c.frozen);
  const at::Tensor loss = supervised_loss(model, batch, batch.ids).sum;
  loss.backward();
  std::vector<at::Tensor> results = {loss.detach()};
  for (const at::Tensor& tensor : attached.tensors()) results.push_back(tensor.grad().clone());
  return results;
}

void check_close(const std::vector<at::Tensor>& got, const std::vector<at::Tensor>& want) {
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CHECK(distance(got[i], want[i]) <= 1e-4 * std::max(largest(want[i]), 1e-2));
  }
}

template <class Law>
void for_every_precision(const Law& law) {
  for (const std::string precision : {"int8", "int4", "nf4"}) {
    CAPTURE(precision);
    law(precision);
  }
}

/// Whatever an adapter may be put on, on a quantised base and on the same base written out in fp32.
void check_on(const AdapterCase& c, const std::string& precision) {
  const TokenBatch batch = counting_batch(2, 9);
  const TempDir expanded;
  const auto quantised = load_causal_lm(c.dir.path(), precision);
  save_checkpoint(*quantised, expanded.path(), Dtype::kF32);
  const auto plain = load_causal_lm(expanded.path());
  check_close(train_step(*quantised, c, c.moved(2)), train_step(*plain, c, c.moved(2)));

  const at::Tensor base = logits_of(*quantised, batch);
  ParameterSet adapter = c.moved(3);
  at::Tensor attached_logits;
  {
    const AdapterAttachment attached(*quantised, adapter, c.plan.config, false, c.frozen);
    attached_logits = logits_of(*quantised, batch);
    CHECK(distance(attached_logits, base) > 1e-4);
  }
  CHECK(at::equal(logits_of(*quantised, batch), base));
  CHECK(quantised->embedding()->frozen().is_quantized());
  CHECK(quantised->output_head()->frozen().is_quantized());
  for (const Projection* p : quantised->projections()) CHECK(p->frozen().is_quantized());

  const auto merged = quantised->share();
  merge_adapter(*merged, complete_adapter(adapter, c.frozen), c.plan.config);
  CHECK(distance(logits_of(*merged, batch), attached_logits) <=
        1e-4 * std::max(1.0, largest(attached_logits)));
  CHECK(at::equal(logits_of(*quantised, batch), base));
}

}  // namespace

TEST_CASE("every method on a quantised base acts as on the same base written out in fp32") {
  for (const std::string& method : peft_method_names()) {
    CAPTURE(method);
    const AdapterCase c(method);
    for_every_precision([&](const std::string& precision) { check_on(c, precision); });
  }
}

TEST_CASE("adapters of a quantised embedding and head, and saved ones in their place") {
  LoraConfig on_both{4, 8, false, {"q_proj", "embed_tokens", "lm_head"}};
  LoraConfig saved{4, 8, false, {"q_proj"}};
  saved.modules_to_save = {"embed_tokens", "lm_head"};
  for (const LoraConfig& lora : {on_both, saved}) {
    const AdapterCase c("lora", lora);
    for_every_precision([&](const std::string& precision) { check_on(c, precision); });
  }
}

TEST_CASE("a saved head on a quantised base starts from the checkpoint's own values") {
  LoraConfig lora{4, 8, false, {"q_proj"}};
  lora.modules_to_save = {"lm_head"};
  AdapterCase c("lora", lora);
  const auto quantised = load_causal_lm(c.dir.path(), "int8");
  const AdapterAttachment attached(*quantised, c.start, c.plan.config, false);
  CHECK(at::equal(quantised->output_head()->weight(), c.model->output_head()->weight()));
}

TEST_CASE("gradient checkpointing: the bits of every method's gradients") {
  for (const std::string& method : peft_method_names()) {
    CAPTURE(method);
    LoraConfig lora{4, 8, false, {"all-linear"}};
    if (method != "ia3") lora.modules_to_save = {"embed_tokens", "lm_head"};
    const AdapterCase c(method, lora);
    const auto plain = train_step(*c.model, c, c.moved(2));
    c.model->set_gradient_checkpointing(true);
    const auto again = train_step(*c.model, c, c.moved(2));
    REQUIRE(again.size() == plain.size());
    for (std::size_t i = 0; i < plain.size(); ++i) CHECK(at::equal(again[i], plain[i]));
  }
}
