#include "client/loaded_model.h"

#include <utility>

#include "core/error.h"

namespace fennec {

AdaptedModel load_adapted_model(const std::filesystem::path& base, const std::filesystem::path& adapter,
                                const std::string& base_precision) {
  AdaptedModel loaded{load_causal_lm(base, base_precision), nullptr, nullptr};
  if (adapter.empty()) return loaded;
  loaded.adapter = std::make_unique<PeftAdapter>(read_peft_directory(adapter));
  loaded.attachment = std::make_unique<AdapterAttachment>(*loaded.model, loaded.adapter->tensors,
                                                          loaded.adapter->config, false);
  return loaded;
}

LoadedModel load_model(const std::filesystem::path& base, const std::filesystem::path& adapter,
                       const std::string& base_precision) {
  Tokenizer tokenizer = Tokenizer::load(base);
  LoadedModel loaded{load_adapted_model(base, adapter, base_precision), std::move(tokenizer)};
  if (loaded.tokenizer.vocab_size() > static_cast<std::size_t>(loaded.model->vocab_size()))
    throw IoError(base.string() + ": the tokenizer has " +
                  std::to_string(loaded.tokenizer.vocab_size()) + " tokens, the model only " +
                  std::to_string(loaded.model->vocab_size()));
  return loaded;
}

}  // namespace fennec
