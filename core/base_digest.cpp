#include "core/base_digest.h"

#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "core/digest.h"
#include "core/error.h"
#include "core/files.h"
#include "core/safetensors.h"

namespace fennec {

std::vector<std::filesystem::path> weight_files(const std::filesystem::path& base_dir) {
  const std::filesystem::path single = base_dir / "model.safetensors",
                              index = base_dir / "model.safetensors.index.json";
  if (std::filesystem::exists(single)) return {single};
  if (!std::filesystem::exists(index))
    throw IoError(base_dir.string() + ": no model.safetensors and no model.safetensors.index.json");
  const nlohmann::json parsed = nlohmann::json::parse(read_text_file(index), nullptr, false);
  if (!parsed.is_object() || !parsed.contains("weight_map") || !parsed["weight_map"].is_object())
    throw IoError(index.string() + ": no object 'weight_map'");
  std::set<std::filesystem::path> files;
  for (const auto& [tensor, file] : parsed["weight_map"].items()) {
    // A shard lies beside its index: a path out of the directory is refused.
    if (!file.is_string() ||
        std::filesystem::path(file.get<std::string>()).filename() != file.get<std::string>())
      throw IoError(index.string() + ": weight_map." + tensor + " is not a file name");
    files.insert(base_dir / file.get<std::string>());
  }
  return {files.begin(), files.end()};
}

std::string base_model_digest(const std::filesystem::path& base_dir) {
  std::vector<Safetensors> files;
  std::map<std::string, const TensorView*> tensors;
  for (const auto& file : weight_files(base_dir)) {
    files.push_back(Safetensors::open(file));
    for (const TensorView& tensor : files.back().tensors())
      if (!tensors.emplace(tensor.name, &tensor).second)
        throw IoError(file.string() + ": tensor '" + tensor.name + "' appears twice");
  }
  Sha256 hash;
  for (const auto& [name, tensor] : tensors) {
    std::string head = name + '\0' + std::string(to_string(tensor->dtype)) + '\0';
    for (const std::int64_t extent : tensor->shape) head += std::to_string(extent) + ',';
    hash.update(head + '\0');
    hash.update(tensor->bytes);
  }
  const Sha256Digest digest = hash.finish();
  return to_hex(digest);
}

}  // namespace fennec
