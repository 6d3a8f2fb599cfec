#include <string>

#include "core/digest.h"
#include "model/causal_lm.h"
#include "model/checkpoint.h"

namespace fennec {

/// Sorted by name and free of any file layout: one file or many shards of the same weights give the
/// same digest.
std::string base_model_digest(const std::filesystem::path& dir) {
  const Checkpoint checkpoint = Checkpoint::open(dir);
  Sha256 hash;
  for (const auto& [name, view] : checkpoint.tensors()) {
    std::string line = name + '\n' + std::string(to_string(view->dtype)) + '\n';
    for (const auto size : view->shape) line += std::to_string(size) + ',';
    hash.update(line + '\n');
    hash.update(view->bytes);
  }
  return to_hex(hash.finish());
}

}  // namespace fennec
