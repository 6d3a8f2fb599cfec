#include "core/lora_layout.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/adapter_modules.h"
#include "core/error.h"
#include "core/peft_config.h"

namespace fennec {
namespace {

constexpr std::string_view kAllLinear = "all-linear", kPeftDefault = "peft-default";

std::string_view leaf(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

bool matches(const LinearShape& linear, const std::string& entry) {
  if (entry == kAllLinear) return true;
  return entry == kPeftDefault ? linear.peft_default : ends_with_module(linear.module, entry);
}

}  // namespace

std::vector<LinearShape> select_targets(const std::vector<LinearShape>& linears,
                                        const std::vector<std::string>& target_modules) {
  std::vector<bool> chosen(linears.size(), false);
  for (const std::string& entry : target_modules) {
    bool matched = false;
    for (std::size_t i = 0; i < linears.size(); ++i) {
      if (!matches(linears[i], entry)) continue;
      chosen[i] = matched = true;
    }
    if (matched) continue;
    std::set<std::string> names;
    for (const LinearShape& linear : linears) names.emplace(leaf(linear.module));
    std::string known;
    for (const std::string& name : names) known += ", " + name;
    throw ConfigError("lora.target_modules: '" + entry +
                      "' matches no linear of the base model; there are: all-linear, peft-default" +
                      known);
  }
  std::vector<LinearShape> out;
  for (std::size_t i = 0; i < linears.size(); ++i)
    if (chosen[i]) out.push_back(linears[i]);
  if (out.empty()) throw ConfigError("lora.target_modules names no module");
  return out;
}

bool stands_for_several(std::string_view target) {
  return target == kAllLinear || target == kPeftDefault;
}

std::string lora_a_name(const std::string& module) {
  return adapter_tensor_name(module, AdapterRole::kLoraA);
}
std::string lora_b_name(const std::string& module) {
  return adapter_tensor_name(module, AdapterRole::kLoraB);
}

LayoutPtr lora_layout(const std::vector<LinearShape>& targets, int rank) {
  FENNEC_CHECK(rank >= 1);
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors;
  for (const LinearShape& target : targets) {
    tensors.emplace_back(lora_a_name(target.module),
                         std::vector<std::int64_t>{rank, target.in_features});
    tensors.emplace_back(lora_b_name(target.module),
                         std::vector<std::int64_t>{target.out_features, rank});
  }
  return std::make_shared<const ParameterLayout>(std::move(tensors));
}

ParameterSet initial_lora(const LayoutPtr& layout, Seed seed) {
  ParameterSet adapter(layout);  // zeros: every B
  std::uint64_t index = 0;
  for (const ParameterEntry& entry : layout->entries()) {
    const Seed draw = seed.child("lora_init", index++);
    if (!entry.name.ends_with(".lora_A.weight")) continue;
    const float bound = 1.0F / std::sqrt(static_cast<float>(entry.shape.at(1)));
    fill_uniform(draw, adapter.values(entry), -bound, bound);
  }
  return adapter;
}

}  // namespace fennec
