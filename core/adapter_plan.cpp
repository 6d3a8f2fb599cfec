#include "core/adapter_plan.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "core/adapter_modules.h"
#include "core/base_modules.h"
#include "core/error.h"
#include "core/lora_layout.h"

namespace fennec {
namespace {

using Tensors = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;

/// Takes the entries that name `module` out of a list of targets.
bool take_named(std::vector<std::string>& names, const std::optional<LinearShape>& module) {
  if (!module) return false;
  return std::erase_if(names, [&](const std::string& name) {
           return ends_with_module(module->module, name);
         }) > 0;
}

/// "all-linear" and "peft-default" as the list that PEFT would be given: the method's own targets that
/// the model has, or the last names of the linears that are meant.
std::vector<std::string> spell_out(const std::vector<LinearShape>& linears,
                                   const std::vector<std::string>& targets, const PeftMethod& method) {
  if (std::ranges::none_of(targets, stands_for_several)) return targets;
  const auto defaults = method.default_targets();
  std::set<std::string> names;
  for (const std::string& target : targets) {
    if (!stands_for_several(target)) {
      names.insert(target);
    } else if (defaults.empty()) {
      for (const LinearShape& linear : select_targets(linears, {target}))
        names.insert(linear.module.substr(linear.module.rfind('.') + 1));
    }
  }
  for (const std::string& name : defaults)
    if (std::ranges::any_of(
            linears, [&](const LinearShape& linear) { return ends_with_module(linear.module, name); }))
      names.insert(name);
  return {names.begin(), names.end()};
}

void keep_layers(std::vector<LinearShape>& linears, const std::vector<int>& layers) {
  if (layers.empty()) return;
  for (const int layer : layers)
    if (std::ranges::none_of(
            linears, [&](const LinearShape& linear) { return layer_index(linear.module) == layer; }))
      throw ConfigError("lora.layers_to_transform: no adapted linear of the base model is in layer " +
                        std::to_string(layer));
  std::erase_if(linears, [&](const LinearShape& linear) {
    return std::ranges::find(layers, layer_index(linear.module)) == layers.end();
  });
}

void check_pattern(const char* key, const std::vector<std::pair<std::string, double>>& pattern,
                   const std::vector<std::string>& modules) {
  for (const auto& entry : pattern)
    if (std::ranges::none_of(modules, [&](const std::string& module) {
          return pattern_value({entry}, module).has_value();
        }))
      throw ConfigError(std::string("lora.") + key + ": '" + entry.first +
                        "' matches no adapted module");
}

std::vector<AdapterTensor> embedding_pair(const LinearShape& embedding, const PeftConfig& config) {
  const std::int64_t rank = lora_rank(config, embedding.module);
  return {{adapter_tensor_name(embedding.module, AdapterRole::kEmbeddingA),
           {rank, embedding.in_features},
           AdapterStart::kZeros,
           embedding.module},
          {adapter_tensor_name(embedding.module, AdapterRole::kEmbeddingB),
           {embedding.out_features, rank},
           AdapterStart::kNormal,
           embedding.module}};
}

/// The embedding or head that an entry of modules_to_save names, stored as it is in the checkpoint.
AdapterTensor saved_tensor(const BaseModules& base, const std::string& entry) {
  const auto saved = [](const LinearShape& module, std::int64_t rows, std::int64_t columns) {
    return AdapterTensor{adapter_tensor_name(module.module, AdapterRole::kSaved),
                         {rows, columns},
                         AdapterStart::kBase,
                         module.module};
  };
  if (base.embedding && ends_with_module(base.embedding->module, entry))
    return saved(*base.embedding, base.embedding->in_features, base.embedding->out_features);
  if (base.head && ends_with_module(base.head->module, entry))
    return saved(*base.head, base.head->out_features, base.head->in_features);
  throw ConfigError("lora.modules_to_save: '" + entry +
                    "' is neither the token embedding nor an untied output head of the base model");
}

/// What the configuration puts an adapter on.
struct Targets {
  std::vector<LinearShape> linears;
  std::optional<LinearShape> embedding;
};

Targets find_targets(const BaseModules& base, PeftConfig& config, const PeftMethod& method) {
  config.target_modules = spell_out(base.linears, config.target_modules, method);
  std::vector<std::string> names = config.target_modules;
  Targets targets;
  if (take_named(names, base.embedding)) targets.embedding = base.embedding;
  const bool has_head = take_named(names, base.head);
  if (!names.empty()) targets.linears = select_targets(base.linears, names);
  if (targets.linears.empty() && !has_head && !targets.embedding)
    throw ConfigError("lora.target_modules names no module");
  if (!config.layers_to_transform.empty() && (targets.embedding || has_head))
    throw ConfigError(
        "lora.layers_to_transform: the embedding and the output head are in no layer, but "
        "lora.target_modules names one");
  keep_layers(targets.linears, config.layers_to_transform);
  if (has_head) targets.linears.push_back(*base.head);
  return targets;
}

std::vector<AdapterTensor> list_tensors(const BaseModules& base, const Targets& targets,
                                        const PeftConfig& config, const PeftMethod& method) {
  std::vector<AdapterTensor> tensors;
  const auto add = [&](std::vector<AdapterTensor> more) {
    std::ranges::move(more, std::back_inserter(tensors));
  };
  for (const LinearShape& linear : targets.linears) add(method.tensors(linear, config));
  if (targets.embedding) {
    if (config.type == PeftType::kIa3 || config.use_dora)
      throw ConfigError("lora.target_modules: this lora.method has no adapter for the token embedding");
    add(embedding_pair(*targets.embedding, config));
  }
  for (const std::string& entry : config.modules_to_save) {
    AdapterTensor saved = saved_tensor(base, entry);
    for (const AdapterTensor& other : tensors)
      if (other.module == saved.module)
        throw ConfigError("lora.modules_to_save: '" + entry + "' is adapted or saved already");
    tensors.push_back(std::move(saved));
  }
  return tensors;
}

std::int64_t first_layer_of(const std::vector<AdapterTensor>& tensors, const BaseModules& base) {
  std::vector<std::string> modules;
  for (const AdapterTensor& tensor : tensors) modules.push_back(tensor.module);
  std::int64_t last = -1;
  for (const LinearShape& linear : base.linears) last = std::max(last, layer_index(linear.module));
  return first_adapted_layer(modules, base.embedding ? base.embedding->module : "", last + 1);
}

LayoutPtr layout_of(const std::vector<AdapterTensor>& tensors, const PeftMethod& method, bool trained) {
  Tensors chosen;
  for (const AdapterTensor& tensor : tensors)
    if (method.trains(tensor) == trained) chosen.emplace_back(tensor.name, tensor.shape);
  return std::make_shared<const ParameterLayout>(std::move(chosen));
}

}  // namespace

AdapterPlan plan_adapter(const std::filesystem::path& base, PeftConfig wanted,
                         const PeftMethod& method) {
  const BaseModules modules = modules_of_checkpoint(base);
  const Targets targets = find_targets(modules, wanted, method);
  method.describe(wanted);
  wanted.fan_in_fan_out = modules.linears.front().conv1d;
  std::vector<std::string> paths;
  for (const LinearShape& linear : targets.linears) paths.push_back(linear.module);
  if (targets.embedding) paths.push_back(targets.embedding->module);
  check_pattern("rank_pattern", wanted.rank_pattern, paths);
  check_pattern("alpha_pattern", wanted.alpha_pattern, paths);

  AdapterPlan plan;
  plan.base = base;
  plan.tensors = list_tensors(modules, targets, wanted, method);
  plan.layout = layout_of(plan.tensors, method, true);
  plan.frozen = layout_of(plan.tensors, method, false);
  plan.first_layer = first_layer_of(plan.tensors, modules);
  plan.config = std::move(wanted);
  return plan;
}

ParameterSet complete_adapter(const ParameterSet& trained, const ParameterSet& frozen) {
  Tensors tensors;
  for (const ParameterSet* part : {&trained, &frozen})
    for (const ParameterEntry& entry : part->layout()->entries())
      tensors.emplace_back(entry.name, entry.shape);
  ParameterSet out(std::make_shared<const ParameterLayout>(std::move(tensors)));
  const auto rest = std::ranges::copy(trained.values(), out.values().begin()).out;
  std::ranges::copy(frozen.values(), rest);
  return out;
}

ParameterSet frozen_part(const ParameterSet& complete, const ParameterLayout& trained) {
  Tensors tensors;
  for (const ParameterEntry& entry : complete.layout()->entries())
    if (trained.find(entry.name) == nullptr) tensors.emplace_back(entry.name, entry.shape);
  ParameterSet out(std::make_shared<const ParameterLayout>(std::move(tensors)));
  for (const ParameterEntry& entry : out.layout()->entries())
    std::ranges::copy(complete.values(*complete.layout()->find(entry.name)), out.values(entry).begin());
  return out;
}

}  // namespace fennec
