#include "core/base_linears.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "core/checkpoint_files.h"
#include "core/error.h"
#include "core/model_family.h"

namespace fennec {
namespace {

/// (layer, position within the layer): the module order.
using Place = std::pair<std::int64_t, std::size_t>;

/// Where `module` stands: "model.layers.7.mlp.up_proj" is (7, 5). Nothing when it is no linear of a
/// layer.
std::optional<Place> place_of(std::string_view module, const FamilyModules& family) {
  const std::string prefix = std::string(family.layers) + ".";
  if (!module.starts_with(prefix)) return std::nullopt;
  module.remove_prefix(prefix.size());
  std::int64_t layer = 0;
  const auto [end, code] = std::from_chars(module.data(), module.data() + module.size(), layer);
  if (code != std::errc{} || layer < 0) return std::nullopt;
  module.remove_prefix(static_cast<std::size_t>(end - module.data()));
  if (!module.starts_with('.')) return std::nullopt;
  module.remove_prefix(1);
  const auto name = std::find(family.names.begin(), family.names.end(), module);
  if (name == family.names.end()) return std::nullopt;
  return Place{layer, static_cast<std::size_t>(name - family.names.begin())};
}

bool is_peft_default(std::string_view module, const FamilyModules& family) {
  const std::string_view last = module.substr(module.rfind('.') + 1);
  return std::find(family.peft_targets.begin(), family.peft_targets.end(), last) !=
         family.peft_targets.end();
}

}  // namespace

std::int64_t layer_index(std::string_view module) {
  for (std::size_t at = 0; at < module.size();) {
    const std::size_t end = std::min(module.find('.', at), module.size());
    std::int64_t number = 0;
    const auto [stop, code] = std::from_chars(module.data() + at, module.data() + end, number);
    if (code == std::errc{} && stop == module.data() + end) return number;
    at = end + 1;
  }
  return -1;
}

std::vector<LinearShape> linears_of_checkpoint(const std::filesystem::path& base_dir) {
  const FamilyModules& family = family_of_directory(base_dir).modules;
  const CheckpointFiles files = CheckpointFiles::open(base_dir);
  std::vector<std::pair<Place, LinearShape>> found;
  constexpr std::string_view kWeight = ".weight";
  for (const auto& [name, tensor] : files.tensors()) {
    if (tensor->shape.size() != 2 || !name.ends_with(kWeight)) continue;
    std::string module = full_module_path(name.substr(0, name.size() - kWeight.size()), family);
    const auto place = place_of(module, family);
    if (!place) continue;
    std::int64_t out = tensor->shape[0], in = tensor->shape[1];
    if (family.conv1d) std::swap(in, out);
    const bool is_default = is_peft_default(module, family);
    found.push_back({*place, {std::move(module), in, out, is_default, family.conv1d}});
  }
  if (found.empty()) throw IoError(base_dir.string() + ": the checkpoint has no linear layers");
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<LinearShape> out;
  out.reserve(found.size());
  for (auto& [place, linear] : found) out.push_back(std::move(linear));
  return out;
}

}  // namespace fennec
