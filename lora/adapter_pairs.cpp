#include "lora/adapter_pairs.h"

#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace fennec {

namespace {

constexpr std::string_view kPrefix = "base_model.model.", kA = ".lora_A.weight", kB = ".lora_B.weight";

struct Halves {
  std::optional<std::size_t> a, b;
};

[[noreturn]] void refuse(const std::string& name) {
  const auto has = [&](std::string_view part) { return name.find(part) != std::string::npos; };
  if (has("lora_magnitude_vector")) throw IoError(name + ": DoRA adapters are not supported");
  if (has("lora_embedding_")) throw IoError(name + ": adapters of the embedding are not supported");
  if (has("lora_B.bias")) throw IoError(name + ": LoRA biases are not supported");
  throw IoError(name + ": not an A or B of a linear layer (modules_to_save is not supported)");
}

AdapterPair pair_of(const ParameterLayout& layout, const std::string& module, const Halves& halves) {
  if (!halves.a || !halves.b)
    throw IoError("adapter of " + module + ": lora_" + (halves.a ? "B" : "A") + " is missing");
  const auto& a = layout.entries()[*halves.a].shape;
  const auto& b = layout.entries()[*halves.b].shape;
  if (a.size() != 2 || b.size() != 2 || a[0] != b[1] || a[0] < 1)
    throw IoError("adapter of " + module + ": shapes of lora_A and lora_B do not fit each other");
  return {module, a[0], a[1], b[0], *halves.a, *halves.b};
}

}  // namespace

std::vector<AdapterPair> adapter_pairs(const ParameterLayout& layout) {
  std::vector<std::string> order;
  std::map<std::string, Halves> found;
  for (std::size_t i = 0; i < layout.entries().size(); ++i) {
    const std::string& name = layout.entries()[i].name;
    const bool is_a = name.ends_with(kA);
    if (!name.starts_with(kPrefix) || !(is_a || name.ends_with(kB))) refuse(name);
    const std::string module = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kA.size());
    Halves& halves = found[module];
    if (!halves.a && !halves.b) order.push_back(module);
    (is_a ? halves.a : halves.b) = i;
  }
  std::vector<AdapterPair> pairs;
  pairs.reserve(order.size());
  for (const std::string& module : order) pairs.push_back(pair_of(layout, module, found[module]));
  return pairs;
}

}  // namespace fennec
