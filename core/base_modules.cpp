#include "core/base_modules.h"

#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/model_family.h"

namespace fennec {
namespace {

constexpr std::string_view kWeight = ".weight";

bool is_tied(const nlohmann::json& config) {
  const auto tied = config.find("tie_word_embeddings");
  return tied != config.end() && tied->is_boolean() && tied->get<bool>();
}

}  // namespace

BaseModules modules_of_checkpoint(const std::filesystem::path& base_dir) {
  const nlohmann::json config = read_model_config(base_dir);
  const FamilyModules& family = family_of(config, (base_dir / "config.json").string()).modules;
  const CheckpointFiles files = CheckpointFiles::open(base_dir);
  BaseModules out;
  out.linears = linears_of_checkpoint(base_dir);
  for (const auto& [name, tensor] : files.tensors()) {
    if (!name.ends_with(kWeight) || tensor->shape.size() != 2) continue;
    const std::string module = full_module_path(name.substr(0, name.size() - kWeight.size()), family);
    const std::int64_t rows = tensor->shape[0], columns = tensor->shape[1];
    if (module == family.embedding) out.embedding = LinearShape{module, rows, columns};
    if (module == family.head && !is_tied(config)) out.head = LinearShape{module, columns, rows};
  }
  return out;
}

const TensorView& weight_of_module(const CheckpointFiles& files, const std::string& module) {
  const std::string name = module + std::string(kWeight);
  auto found = files.tensors().find(name);
  constexpr std::string_view kGpt2 = "transformer.";
  if (found == files.tensors().end() && name.starts_with(kGpt2))
    found = files.tensors().find(name.substr(kGpt2.size()));
  if (found == files.tensors().end()) throw IoError("the base model has no tensor '" + name + "'");
  return *found->second;
}

}  // namespace fennec
