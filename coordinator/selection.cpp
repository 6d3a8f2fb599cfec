#include "coordinator/selection.h"

#include <algorithm>
#include <cmath>

#include "coordinator/cohort_sampler.h"
#include "core/error.h"

namespace fennec {
namespace {

using Select = std::vector<ClientId> (*)(const SelectionInput&);
struct Entry {
  std::string_view name;
  Select select;
};
#define FENNEC_ENTRY(name) {#name, select_##name},
constexpr Entry kSelections[] = {FENNEC_SELECTIONS(FENNEC_ENTRY)};
#undef FENNEC_ENTRY

}  // namespace

std::vector<ClientId> select_cohort(const SelectionInput& input) {
  for (const Entry& entry : kSelections)
    if (entry.name == input.config.method) return entry.select(input);
  FENNEC_CHECK(false, "the validator knows every selection");
  return {};
}

/// Uniform without replacement.
std::vector<ClientId> select_uniform(const SelectionInput& input) {
  std::vector<ClientId> eligible;
  for (const Candidate& candidate : input.eligible) eligible.push_back(candidate.client);
  return sample_cohort(std::move(eligible), input.size, input.seed);
}

std::vector<ClientId> draw_weighted(const std::vector<std::pair<ClientId, double>>& weights,
                                    std::size_t count, Seed seed, const char* label) {
  std::vector<std::pair<double, ClientId>> keys;
  for (const auto& [client, weight] : weights) {
    FENNEC_CHECK(weight > 0, "a weight must be positive");
    // The first of independent exponential clocks with these rates: 1 − u lies in (0, 1].
    const double u = RandomStream(seed.child(label, client.name, 0)).uniform();
    keys.emplace_back(-std::log(1 - u) / weight, client);
  }
  std::sort(keys.begin(), keys.end());
  std::vector<ClientId> out;
  for (std::size_t i = 0; i < std::min(count, keys.size()); ++i) out.push_back(keys[i].second);
  return out;
}

}  // namespace fennec
