#include "core/adapter_modules.h"

#include <algorithm>
#include <map>

#include "core/base_linears.h"
#include "core/error.h"

namespace fennec {
namespace {

constexpr std::string_view kPrefix = "base_model.model.";
// In the order of AdapterRole; ".weight" last: the others end with it too.
constexpr std::array<std::string_view, kAdapterRoles> kSuffixes{
    ".lora_A.weight",    ".lora_B.weight", ".lora_magnitude_vector", ".ia3_l", ".lora_embedding_A",
    ".lora_embedding_B", ".weight"};

class Grouping {
 public:
  Grouping(const std::vector<ParameterEntry>& entries, const std::string& where)
      : entries_(entries), where_(where) {}

  std::vector<AdapterModule> modules() {
    for (std::size_t i = 0; i < entries_.size(); ++i) add(i);
    for (const AdapterModule& module : modules_) check(module);
    return std::move(modules_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const { throw IoError(where_ + ": " + what); }

  void add(std::size_t index) {
    const std::string& name = entries_[index].name;
    if (name.ends_with(".lora_B.bias"))
      refuse("tensor '" + name + "' cannot be read: lora_bias adapters are not supported");
    for (std::size_t role = 0; name.starts_with(kPrefix) && role < kSuffixes.size(); ++role) {
      if (!name.ends_with(kSuffixes[role])) continue;
      const std::string module =
          name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffixes[role].size());
      const auto [place, is_new] = by_name_.emplace(module, modules_.size());
      if (is_new) modules_.push_back({module, {}});
      modules_[place->second].tensors[role] = index;
      return;
    }
    refuse("tensor '" + name + "' is none of a LoRA, DoRA or (IA)3 adapter");
  }

  const std::vector<std::int64_t>& shape(const AdapterModule& module, AdapterRole role) const {
    return entries_[*module[role]].shape;
  }

  void check(const AdapterModule& m) const {
    check_pair(m, AdapterRole::kLoraA, AdapterRole::kLoraB);
    check_pair(m, AdapterRole::kEmbeddingA, AdapterRole::kEmbeddingB);
    const auto refuse_tensor = [&](AdapterRole role, const char* what) {
      refuse("tensor '" + entries_[*m[role]].name + "' " + what);
    };
    if (m[AdapterRole::kMagnitude]) {
      if (!m[AdapterRole::kLoraB]) refuse_tensor(AdapterRole::kMagnitude, "has no LoRA beside it");
      const auto& magnitude = shape(m, AdapterRole::kMagnitude);
      if (magnitude.size() != 1 || magnitude[0] != shape(m, AdapterRole::kLoraB)[0])
        refuse_tensor(AdapterRole::kMagnitude, "does not have one value an output of its lora_B");
    }
    if (m[AdapterRole::kScale]) {
      const auto& scale = shape(m, AdapterRole::kScale);
      if (scale.size() != 2 || (scale[0] != 1 && scale[1] != 1))
        refuse_tensor(AdapterRole::kScale, "is neither [out, 1] nor [1, in]");
    }
    if (m[AdapterRole::kSaved] && shape(m, AdapterRole::kSaved).size() != 2)
      refuse_tensor(AdapterRole::kSaved, "is not a matrix");
    std::size_t kinds = 0;
    for (const AdapterRole role :
         {AdapterRole::kLoraA, AdapterRole::kScale, AdapterRole::kEmbeddingA, AdapterRole::kSaved})
      kinds += m[role] ? 1U : 0U;
    if (kinds != 1) refuse("adapter of " + m.module + ": tensors of more than one kind");
  }

  void check_pair(const AdapterModule& m, AdapterRole first, AdapterRole second) const {
    if (!m[first] && !m[second]) return;
    for (const auto& [present, absent] : {std::pair(first, second), std::pair(second, first)})
      if (!m[absent])
        refuse("tensor '" + entries_[*m[present]].name + "' has no partner '" +
               adapter_tensor_name(m.module, absent) + "'");
    for (const AdapterRole role : {first, second})
      if (shape(m, role).size() != 2)
        refuse("tensor '" + entries_[*m[role]].name + "' is not a matrix");
    const std::int64_t rank = shape(m, first)[0];
    if (rank < 1 || shape(m, second)[1] != rank)
      refuse("tensor '" + entries_[*m[first]].name + "' and its B disagree on the rank");
  }

  const std::vector<ParameterEntry>& entries_;
  const std::string& where_;
  std::vector<AdapterModule> modules_;
  std::map<std::string, std::size_t> by_name_;
};

}  // namespace

std::string adapter_tensor_name(const std::string& module, AdapterRole role) {
  return std::string(kPrefix) + module + std::string(kSuffixes[static_cast<std::size_t>(role)]);
}

std::vector<AdapterModule> adapter_modules(const std::vector<ParameterEntry>& entries,
                                           const std::string& where) {
  return Grouping(entries, where).modules();
}

std::int64_t first_adapted_layer(const std::vector<std::string>& modules, std::string_view embedding,
                                 std::int64_t layers) {
  std::int64_t first = layers;
  for (const std::string& module : modules) {
    const std::int64_t layer = layer_index(module);
    if (module == embedding) return 0;
    if (layer >= 0) first = std::min(first, layer);
  }
  return first;
}

}  // namespace fennec
