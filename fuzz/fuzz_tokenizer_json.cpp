// A tokenizer.json either loads or is refused with an IoError; what loads encodes and decodes without
// fault.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "fuzz/input.h"
#include "model/tokenizer.h"

namespace {

/// A directory in memory, one a process.
const std::filesystem::path& scratch() {
  static const std::filesystem::path dir = [] {
    auto path = std::filesystem::path("/dev/shm") / ("fennec-fuzz-" + std::to_string(::getpid()));
    std::filesystem::create_directories(path);
    return path;
  }();
  return dir;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::ofstream(scratch() / "tokenizer.json", std::ios::binary) << fennec::fuzz::to_text(data, size);
  try {
    const auto tokenizer = fennec::Tokenizer::load(scratch());
    const auto ids = tokenizer.encode("Ab 12,\n\xC3\xA9 <s> x");
    for (const auto id : ids)
      FENNEC_CHECK(id >= 0 && static_cast<std::size_t>(id) < tokenizer.vocab_size());
    (void)tokenizer.decode(ids);
    (void)tokenizer.decode({-1, 0, 1, 1000000});
  } catch (const fennec::IoError&) {  // what a bad file must become, and nothing else
  }
  return 0;
}
