#include "core/peft_directory.h"

#include <algorithm>

#include "core/adapter_modules.h"
#include "core/error.h"
#include "core/files.h"
#include "core/parameter_math.h"
#include "core/safetensors.h"

namespace fennec {
namespace {

constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kWeightsFile = "adapter_model.safetensors";

/// PEFT stores the untouched embedding beside its adapter; it is not part of the adapter.
bool is_ignored(std::string_view name) { return name.ends_with(".base_layer.weight"); }

ParameterSet read_tensors(const std::filesystem::path& file) {
  const Safetensors stored = Safetensors::open(file);
  std::vector<const TensorView*> views;
  for (const TensorView& view : stored.tensors())
    if (!is_ignored(view.name)) views.push_back(&view);
  std::sort(views.begin(), views.end(),
            [](const TensorView* a, const TensorView* b) { return a->name < b->name; });
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors;
  for (const TensorView* view : views) tensors.emplace_back(view->name, view->shape);
  ParameterSet out(std::make_shared<const ParameterLayout>(std::move(tensors)));
  std::size_t index = 0;
  for (const ParameterEntry& entry : out.layout()->entries()) {
    const std::span<float> values = out.values(entry);
    if (const auto done = to_float(*views[index++], values); !done)
      throw IoError(file.string() + ": tensor '" + entry.name + "': " + done.error().message);
    if (!all_finite(values))
      throw IoError(file.string() + ": tensor '" + entry.name + "' holds a NaN or Inf");
  }
  return out;
}

/// The kind of tensors that the configuration announces, and their ranks.
void check_module(const std::string& file, const PeftConfig& config, const AdapterModule& module,
                  const std::vector<ParameterEntry>& entries) {
  const auto refuse = [&](const std::string& what) {
    throw IoError(file + ": adapter of " + module.module + ": " + what);
  };
  const bool is_ia3 = config.type == PeftType::kIa3;
  if (!module[AdapterRole::kSaved] && module[AdapterRole::kScale].has_value() != is_ia3)
    refuse(std::string("is of another kind than peft_type says (") + (is_ia3 ? "IA3)" : "LORA)"));
  if (module[AdapterRole::kLoraA] && module[AdapterRole::kMagnitude].has_value() != config.use_dora)
    refuse(config.use_dora ? "no lora_magnitude_vector, although use_dora is true"
                           : "a lora_magnitude_vector, although use_dora is false");
  for (const AdapterRole role : {AdapterRole::kLoraA, AdapterRole::kEmbeddingA}) {
    if (!module[role]) continue;
    const ParameterEntry& a = entries[*module[role]];
    const std::int64_t expected = lora_rank(config, module.module);
    if (a.shape[0] != expected)
      throw IoError(file + ": tensor '" + a.name + "' has rank " + std::to_string(a.shape[0]) +
                    ", but r is " + std::to_string(expected));
  }
}

void check_tensors(const std::string& file, const PeftConfig& config,
                   const std::vector<ParameterEntry>& entries) {
  const auto modules = adapter_modules(entries, file);
  if (modules.empty()) throw IoError(file + ": no adapter tensors");
  for (const AdapterModule& module : modules) check_module(file, config, module, entries);
}

}  // namespace

PeftConfig read_adapter_config(const std::filesystem::path& dir) {
  const std::filesystem::path file = dir / kConfigFile;
  return parse_adapter_config(read_text_file(file), file.string());
}

PeftAdapter read_peft_directory(const std::filesystem::path& dir) {
  PeftAdapter adapter{read_adapter_config(dir), read_tensors(dir / kWeightsFile)};
  check_tensors((dir / kWeightsFile).string(), adapter.config, adapter.tensors.layout()->entries());
  return adapter;
}

void write_peft_directory(const std::filesystem::path& dir, const PeftConfig& config,
                          const ParameterSet& tensors) {
  std::error_code failed;
  std::filesystem::create_directories(dir, failed);
  if (failed) throw IoError(dir.string() + ": cannot create: " + failed.message());
  write_file_atomically(dir / kWeightsFile, write_safetensors(to_views(tensors)));
  write_file_atomically(dir / kConfigFile, to_adapter_config_json(config));
}

ParameterSet arrange(const ParameterSet& tensors, const LayoutPtr& layout, const std::string& where) {
  const ParameterLayout& given = *tensors.layout();
  if (given.entries().size() != layout->entries().size())
    throw IoError(where + ": " + std::to_string(given.entries().size()) + " tensors, expected " +
                  std::to_string(layout->entries().size()));
  ParameterSet out(layout);
  for (const ParameterEntry& entry : layout->entries()) {
    const ParameterEntry* source = given.find(entry.name);
    if (source == nullptr) throw IoError(where + ": no tensor '" + entry.name + "'");
    if (source->shape != entry.shape)
      throw IoError(where + ": tensor '" + entry.name + "' has another shape");
    std::copy_n(tensors.values(*source).begin(), entry.size, out.values(entry).begin());
  }
  return out;
}

}  // namespace fennec
