// A config.json describes a model or is refused: the property is in hf_config_property.h.
#include <unistd.h>

#include "core/files.h"
#include "core/safetensors.h"
#include "fuzz/hf_config_property.h"
#include "fuzz/input.h"

namespace {

/// A directory in memory, one a process.
const std::filesystem::path& empty_checkpoint() {
  static const std::filesystem::path dir = [] {
    auto path = std::filesystem::path("/dev/shm") / ("fennec-fuzz-" + std::to_string(::getpid()));
    std::filesystem::create_directories(path);
    fennec::write_file_atomically(path / "model.safetensors", fennec::write_safetensors({}));
    return path;
  }();
  return dir;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fennec::fuzz::check_hf_config(fennec::fuzz::to_text(data, size), empty_checkpoint());
  return 0;
}
