#include "core/base_linears.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/checkpoint_files.h"
#include "core/error.h"
#include "core/files.h"
#include "core/model_family.h"

namespace fennec {
namespace {

/// (layer, position within the layer): the module order.
using Place = std::pair<std::int64_t, std::size_t>;

/// Where `module` stands: "model.layers.7.mlp.up_proj" is (7, 5). Nothing when it is no linear of a
/// layer.
std::optional<Place> place_of(std::string_view module, const LayerLinears& linears) {
  const std::string prefix = std::string(linears.layers) + ".";
  if (!module.starts_with(prefix)) return std::nullopt;
  module.remove_prefix(prefix.size());
  std::int64_t layer = 0;
  const auto [end, code] = std::from_chars(module.data(), module.data() + module.size(), layer);
  if (code != std::errc{} || layer < 0) return std::nullopt;
  module.remove_prefix(static_cast<std::size_t>(end - module.data()));
  if (!module.starts_with('.')) return std::nullopt;
  module.remove_prefix(1);
  const auto name = std::find(linears.names.begin(), linears.names.end(), module);
  if (name == linears.names.end()) return std::nullopt;
  return Place{layer, static_cast<std::size_t>(name - linears.names.begin())};
}

/// The hub's gpt2 file leaves out the name of the transformer within the model: "h.0.…".
std::string full_path(std::string module, const LayerLinears& linears) {
  const std::string_view root = linears.layers.substr(0, linears.layers.find('.') + 1);
  if (linears.conv1d && !module.starts_with(root)) module.insert(0, root);
  return module;
}

bool is_peft_default(std::string_view module, const LayerLinears& linears) {
  const std::string_view last = module.substr(module.rfind('.') + 1);
  return std::find(linears.peft_targets.begin(), linears.peft_targets.end(), last) !=
         linears.peft_targets.end();
}

LayerLinears layer_linears(const std::filesystem::path& config_file) {
  const auto config = nlohmann::json::parse(read_text_file(config_file), nullptr, false);
  if (!config.is_object()) throw IoError(config_file.string() + ": not a JSON object");
  return family_of(config, config_file.string()).linears;
}

}  // namespace

std::vector<LinearShape> linears_of_checkpoint(const std::filesystem::path& base_dir) {
  const LayerLinears linears = layer_linears(base_dir / "config.json");
  const CheckpointFiles files = CheckpointFiles::open(base_dir);
  std::vector<std::pair<Place, LinearShape>> found;
  constexpr std::string_view kWeight = ".weight";
  for (const auto& [name, tensor] : files.tensors()) {
    if (tensor->shape.size() != 2 || !name.ends_with(kWeight)) continue;
    std::string module = full_path(name.substr(0, name.size() - kWeight.size()), linears);
    const auto place = place_of(module, linears);
    if (!place) continue;
    std::int64_t out = tensor->shape[0], in = tensor->shape[1];
    if (linears.conv1d) std::swap(in, out);
    const bool is_default = is_peft_default(module, linears);
    found.push_back({*place, {std::move(module), in, out, is_default, linears.conv1d}});
  }
  if (found.empty()) throw IoError(base_dir.string() + ": the checkpoint has no linear layers");
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<LinearShape> out;
  out.reserve(found.size());
  for (auto& [place, linear] : found) out.push_back(std::move(linear));
  return out;
}

}  // namespace fennec
