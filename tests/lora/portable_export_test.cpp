#include "lora/portable_export.h"

#include "tests/support/doctest_torch.h"

#include <string>

#include "core/error.h"
#include "tests/lora/adapter_case.h"
#include "tests/support/shared.h"

using namespace fennec;
using namespace fennec::test;

namespace {

std::string refusal(const PeftAdapter& adapter) {
  try {
    to_portable(adapter);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "accepted";
}

PeftAdapter whole(const AdapterCase& c) {
  return {c.plan.config, complete_adapter(c.moved(3), c.frozen)};
}

}  // namespace

TEST_CASE("the portable form computes the same with a scale of one") {
  const TokenBatch batch = counting_batch(2, 9);
  LoraConfig patterns{4, 7, true, {"all-linear", "embed_tokens"}};
  patterns.rank_pattern = {{"layers.1.mlp.down_proj", 6}, {"q_proj", 2}};
  patterns.alpha_pattern = {{"k_proj", 3}};
  for (const char* method : {"lora", "lora_plus", "ffa_lora"}) {
    CAPTURE(std::string(method));
    AdapterCase c(method, patterns);
    const PeftAdapter adapter = whole(c);
    PeftAdapter portable = to_portable(adapter);
    CHECK(portable.config.r == 6);
    CHECK(portable.config.lora_alpha == 6);
    CHECK_FALSE(portable.config.use_rslora);
    CHECK(portable.config.rank_pattern.empty());
    CHECK(portable.config.alpha_pattern.empty());
    for (const ParameterEntry& entry : portable.tensors.layout()->entries())
      CHECK((entry.shape[0] == 6 || entry.shape[1] == 6));
    ParameterSet before = adapter.tensors.clone();
    at::Tensor expected;
    {
      const AdapterAttachment attached(*c.model, before, adapter.config, false);
      expected = logits_of(*c.model, batch);
    }
    const AdapterAttachment attached(*c.model, portable.tensors, portable.config, false);
    const at::Tensor got = logits_of(*c.model, batch);
    CHECK(distance(got, expected) <= 1e-5 * std::max(1.0, largest(expected)));
    const PeftAdapter again = to_portable(portable);
    CHECK(std::ranges::equal(again.tensors.bytes(), portable.tensors.bytes()));
  }
}

TEST_CASE("what has no portable form is refused with the reason and the way out") {
  CHECK(refusal(whole(AdapterCase("dora"))).find("DoRA scales whole rows") != std::string::npos);
  CHECK(refusal(whole(AdapterCase("ia3"))).find("(IA)3") != std::string::npos);
  LoraConfig saves{4, 8, false, {"q_proj"}};
  saves.modules_to_save = {"lm_head"};
  CHECK(refusal(whole(AdapterCase("lora", saves))).find("saved module (lm_head)") != std::string::npos);
  PeftAdapter gpt2 = whole(AdapterCase("lora"));
  gpt2.config.fan_in_fan_out = true;
  CHECK(refusal(gpt2).find("GPT-2") != std::string::npos);
  CHECK(refusal(gpt2).find("export the merged model instead") != std::string::npos);
}

TEST_CASE("a regular expression over targets becomes the names it stood for") {
  PeftAdapter adapter = whole(AdapterCase("lora", {4, 8, false, {"q_proj", "v_proj"}}));
  adapter.config.target_modules.clear();
  adapter.config.target_regex = ".*(q|v)_proj";
  const PeftAdapter portable = to_portable(adapter);
  CHECK_FALSE(portable.config.target_regex);
  CHECK(portable.config.target_modules == std::vector<std::string>{"q_proj", "v_proj"});
}

TEST_CASE("golden adapters: their portable forms give the golden logits") {
  FENNEC_NEEDS_SHARED("golden/llama-mha-untied");
  const auto dir = shared("golden/llama-mha-untied");
  const auto model = load_causal_lm(dir);
  const TokenBatch batch = counting_batch(2, 12);
  for (const char* kind : {"qv", "all", "rslora", "pattern", "embed"}) {
    CAPTURE(std::string(kind));
    PeftAdapter adapter = read_peft_directory(dir / ("adapter_" + std::string(kind)));
    PeftAdapter portable = to_portable(adapter);
    at::Tensor expected;
    {
      const AdapterAttachment attached(*model, adapter.tensors, adapter.config, false);
      expected = logits_of(*model, batch);
    }
    const AdapterAttachment attached(*model, portable.tensors, portable.config, false);
    CHECK(distance(logits_of(*model, batch), expected) <= 1e-4);
  }
}
