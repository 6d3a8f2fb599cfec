#include "aggregation/travel.h"

#include <algorithm>
#include <utility>

#include "aggregation/version.h"
#include "core/error.h"

namespace fennec {

bool travels(std::string_view tensor, Half half) {
  if (is_carried(tensor)) return false;
  if (half == Half::kA) return !tensor.ends_with(".lora_B.weight");
  if (half == Half::kB) return !tensor.ends_with(".lora_A.weight");
  return true;
}

LayoutPtr travelling_layout(const LayoutPtr& layout, Half half) {
  const auto moves = [half](const ParameterEntry& entry) { return travels(entry.name, half); };
  if (std::ranges::all_of(layout->entries(), moves)) return layout;
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors;
  for (const ParameterEntry& entry : layout->entries())
    if (moves(entry)) tensors.emplace_back(entry.name, entry.shape);
  return std::make_shared<const ParameterLayout>(std::move(tensors));
}

namespace {

/// Copies the tensors that both have.
void copy_common(const ParameterSet& from, ParameterSet& to, const ParameterLayout& names) {
  for (const ParameterEntry& entry : names.entries()) {
    const ParameterEntry *source = from.layout()->find(entry.name),
                         *target = to.layout()->find(entry.name);
    FENNEC_CHECK(source != nullptr && target != nullptr && source->size == target->size, entry.name);
    std::ranges::copy(from.values(*source), to.values(*target).begin());
  }
}

}  // namespace

ParameterSet gather(const ParameterSet& set, const LayoutPtr& part) {
  ParameterSet out(part);
  copy_common(set, out, *part);
  return out;
}

ParameterSet scatter(ParameterSet part, const LayoutPtr& layout) {
  if (*part.layout() == *layout) return part;
  ParameterSet out(layout);
  copy_common(part, out, *part.layout());
  return out;
}

void replace(const ParameterSet& part, ParameterSet& set) { copy_common(part, set, *part.layout()); }

}  // namespace fennec
