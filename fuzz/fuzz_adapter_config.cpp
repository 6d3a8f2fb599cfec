// An adapter_config.json that parses prints as one that parses to the same print, and its patterns
// match or do not within bounded time.
#include "core/error.h"
#include "core/peft_config.h"
#include "fuzz/input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const fennec::PeftConfig config =
        fennec::parse_adapter_config(fennec::fuzz::to_text(data, size), "fuzz");
    const std::string printed = fennec::to_adapter_config_json(config);
    FENNEC_CHECK(fennec::to_adapter_config_json(fennec::parse_adapter_config(printed, "printed")) ==
                 printed);
    const std::string module = "model.layers.10.self_attn.q_proj";
    const std::int64_t rank = fennec::lora_rank(config, module);
    FENNEC_CHECK(rank >= 1);
    (void)fennec::lora_scale(config, module, rank);
  } catch (const fennec::IoError&) {  // what a bad file must become, and nothing else
  }
  return 0;
}
