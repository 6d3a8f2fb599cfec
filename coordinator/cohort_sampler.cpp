#include "coordinator/cohort_sampler.h"

#include <algorithm>

namespace fennec {

std::vector<ClientId> sample_cohort(std::vector<ClientId> eligible, std::size_t size, Seed seed) {
  if (eligible.size() > size) {
    RandomStream(seed).shuffle(eligible);
    eligible.resize(size);
  }
  std::sort(eligible.begin(), eligible.end());
  return eligible;
}

std::vector<ClientId> resample_cohort(const std::vector<ClientId>& cohort,
                                      const std::set<ClientId>& keep, std::vector<ClientId> eligible,
                                      std::size_t size, Seed seed) {
  const std::set<ClientId> old(cohort.begin(), cohort.end());
  std::erase_if(eligible, [&](const ClientId& client) { return old.contains(client); });
  RandomStream(seed).shuffle(eligible);
  auto next = eligible.begin();
  std::vector<ClientId> out;
  for (const ClientId& member : cohort)
    out.push_back(keep.contains(member) || next == eligible.end() ? member : *next++);
  while (out.size() < size && next != eligible.end()) out.push_back(*next++);
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace fennec
