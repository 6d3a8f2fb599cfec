// Any bytes go through a byte-level BPE: ids are in range, and the text comes back, what is no UTF-8 as
// U+FFFD.
#include <unistd.h>

#include <filesystem>

#include "core/error.h"
#include "fuzz/input.h"
#include "model/bpe_trainer.h"
#include "model/tokenizer.h"
#include "model/unicode.h"

namespace {

const fennec::Tokenizer& tokenizer() {
  static const fennec::Tokenizer loaded = [] {
    const auto dir =
        std::filesystem::temp_directory_path() / ("fennec-fuzz-" + std::to_string(::getpid()));
    fennec::BpeTrainer trainer;
    for (int i = 0; i < 3; ++i)
      trainer.add("room 21 C window open, heating off\nstate: warm warm warmer \xC3\xA9t\xC3\xA9");
    trainer.write(dir);
    auto made = fennec::Tokenizer::load(dir);
    std::filesystem::remove_all(dir);
    return made;
  }();
  return loaded;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fennec::fuzz::to_text(data, size));
  const auto ids = tokenizer().encode(text, {.add_special = false, .match_special = false});
  for (const auto id : ids)
    FENNEC_CHECK(id >= 0 && static_cast<std::size_t>(id) < tokenizer().vocab_size());
  const std::string decoded = tokenizer().decode(ids, /*skip_special=*/false);
  FENNEC_CHECK(decoded == fennec::unicode::replace_invalid(text));
  return 0;
}
