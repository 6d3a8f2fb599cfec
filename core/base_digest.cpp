#include "core/base_digest.h"

#include "core/checkpoint_files.h"
#include "core/digest.h"

namespace fennec {

std::string base_model_digest(const std::filesystem::path& base_dir) {
  const CheckpointFiles files = CheckpointFiles::open(base_dir);
  Sha256 hash;
  for (const auto& [name, tensor] : files.tensors()) {
    std::string head = name + '\0' + std::string(to_string(tensor->dtype)) + '\0';
    for (const std::int64_t extent : tensor->shape) head += std::to_string(extent) + ',';
    hash.update(head + '\0');
    hash.update(tensor->bytes);
    files.release(*tensor);
  }
  const Sha256Digest digest = hash.finish();
  return to_hex(digest);
}

}  // namespace fennec
