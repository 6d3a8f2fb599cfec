#include "aggregation/control_variates.h"

#include <algorithm>
#include <utility>

#include "aggregation/travel.h"
#include "core/error.h"
#include "core/parameter_math.h"

namespace fennec {
namespace {

constexpr std::string_view kSuffix = ".control";

/// −Δ/τ in the way that both sides compute it.
float move_per_step(float delta, double steps) {
  return static_cast<float>(-static_cast<double>(delta) / steps);
}

/// Calls what(trained tensor, its control) for each pair of the layout.
template <class What>
void for_each_control(const ParameterLayout& layout, What what) {
  for (const ParameterEntry& entry : layout.entries())
    if (const ParameterEntry* control = layout.find(control_name(entry.name))) what(entry, *control);
}

}  // namespace

bool is_control(std::string_view tensor) { return tensor.ends_with(kSuffix); }
std::string control_name(const std::string& tensor) { return tensor + std::string(kSuffix); }

ParameterSet controls_of(const ParameterSet& version) {
  const auto& entries = version.layout()->entries();
  const auto is_one = [](const ParameterEntry& entry) { return is_control(entry.name); };
  if (std::ranges::none_of(entries, is_one)) return {};
  const LayoutPtr trained = travelling_layout(version.layout(), Half::kBoth);
  ParameterSet out(trained);
  for_each_control(*version.layout(), [&](const ParameterEntry& entry, const ParameterEntry& control) {
    std::ranges::copy(version.values(control), out.values(*trained->find(entry.name)).begin());
  });
  return out;
}

ParameterSet drift_correction(const ParameterSet& own, const ParameterSet& common) {
  ParameterSet out(common.layout());
  subtract(own.values(), common.values(), out.values());
  return out;
}

ParameterSet next_control(const ParameterSet& own, const ParameterSet& common,
                          const ParameterSet& delta, std::int64_t steps) {
  FENNEC_CHECK(steps > 0 && *own.layout() == *delta.layout());
  ParameterSet out = drift_correction(own, common);
  for (std::size_t i = 0; i < out.size(); ++i)
    out.values()[i] += move_per_step(delta.values()[i], static_cast<double>(steps));
  return out;
}

void fill_controls(ParameterSet& delta, std::int64_t steps) {
  FENNEC_CHECK(steps > 0);
  for_each_control(*delta.layout(), [&](const ParameterEntry& entry, const ParameterEntry& control) {
    const std::span<const float> from = std::as_const(delta).values(entry);
    const std::span<float> to = delta.values(control);
    for (std::size_t i = 0; i < from.size(); ++i)
      to[i] = move_per_step(from[i], static_cast<double>(steps));
  });
}

void move_controls(ParameterSet& version, const ParameterSet& delta) {
  for (const ParameterEntry& entry : version.layout()->entries())
    if (is_control(entry.name)) axpy(1.0F, delta.values(entry), version.values(entry));
}

}  // namespace fennec
