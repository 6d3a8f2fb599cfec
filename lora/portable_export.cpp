#include "lora/portable_export.h"

#include <algorithm>
#include <set>

#include "core/adapter_modules.h"
#include "core/error.h"

namespace fennec {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw ConfigError("no portable form of this adapter: " + why + "; export the merged model instead");
}

void check_portable(const PeftConfig& config, const std::vector<AdapterModule>& modules) {
  if (config.type == PeftType::kIa3)
    refuse("(IA)3 is read by PEFT alone, and its change of a weight has full rank");
  if (config.use_dora)
    refuse("DoRA scales whole rows of the base weights, which no pair of low rank can hold");
  for (const AdapterModule& module : modules)
    if (module[AdapterRole::kSaved])
      refuse("vLLM and llama.cpp read no saved module (" + module.module + ")");
  if (config.fan_in_fan_out)
    refuse(
        "llama.cpp's converter transposes GPT-2's linears and would load this wrongly or not at all");
}

/// The A and B of a module, wherever it is.
std::pair<std::size_t, std::size_t> pair_of(const AdapterModule& module) {
  if (module[AdapterRole::kLoraA]) return {*module[AdapterRole::kLoraA], *module[AdapterRole::kLoraB]};
  return {*module[AdapterRole::kEmbeddingA], *module[AdapterRole::kEmbeddingB]};
}

PeftConfig portable_config(const PeftConfig& config, const std::vector<AdapterModule>& modules,
                           std::int64_t rank) {
  PeftConfig out = config;
  out.r = static_cast<int>(rank);
  out.lora_alpha = static_cast<double>(rank);
  out.lora_dropout = 0;
  out.use_rslora = false;
  out.rank_pattern.clear();
  out.alpha_pattern.clear();
  if (!out.target_regex) return out;
  out.target_regex.reset();  // as the names it stood for: vLLM compares last names
  std::set<std::string> names;
  for (const AdapterModule& module : modules)
    names.insert(module.module.substr(module.module.rfind('.') + 1));
  out.target_modules.assign(names.begin(), names.end());
  return out;
}

}  // namespace

PeftAdapter to_portable(const PeftAdapter& adapter) {
  const auto& entries = adapter.tensors.layout()->entries();
  const auto modules = adapter_modules(entries, "adapter");
  check_portable(adapter.config, modules);
  std::int64_t rank = 1;
  for (const AdapterModule& module : modules)
    rank = std::max(rank, entries[pair_of(module).first].shape[0]);

  std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors;
  for (const AdapterModule& module : modules) {
    const auto [a, b] = pair_of(module);
    tensors.emplace_back(entries[a].name, std::vector<std::int64_t>{rank, entries[a].shape[1]});
    tensors.emplace_back(entries[b].name, std::vector<std::int64_t>{entries[b].shape[0], rank});
  }
  PeftAdapter out{portable_config(adapter.config, modules, rank),
                  ParameterSet(std::make_shared<const ParameterLayout>(std::move(tensors)))};
  for (const AdapterModule& module : modules) {
    const auto [a, b] = pair_of(module);
    const auto from_a = adapter.tensors.values(entries[a]), from_b = adapter.tensors.values(entries[b]);
    const auto to_a = out.tensors.values(*out.tensors.layout()->find(entries[a].name)),
               to_b = out.tensors.values(*out.tensors.layout()->find(entries[b].name));
    std::ranges::copy(from_a, to_a.begin());  // further rows of A stay zero, as do B's columns
    const auto own = static_cast<std::size_t>(entries[a].shape[0]),
               padded = static_cast<std::size_t>(rank);
    const double scale = lora_scale(adapter.config, module.module, entries[a].shape[0]);
    for (std::size_t i = 0; i < from_b.size(); ++i)
      to_b[i / own * padded + i % own] = static_cast<float>(scale * static_cast<double>(from_b[i]));
  }
  return out;
}

}  // namespace fennec
