#include "coordinator/cohort_sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

namespace fennec {

std::vector<ClientId> sample_cohort(std::vector<ClientId> eligible, std::size_t size, Seed seed) {
  if (eligible.size() > size) {
    RandomStream(seed).shuffle(eligible);
    eligible.resize(size);
  }
  std::sort(eligible.begin(), eligible.end());
  return eligible;
}

std::vector<ClientId> poisson_cohort(const std::vector<ClientId>& eligible, const CohortRule& rule,
                                     RoundId round) {
  std::vector<ClientId> out;
  // 53 bits a draw, rounded down: never more often than the rate.
  const auto threshold = static_cast<std::uint64_t>(std::floor(rule.rate * 0x1p53));
  for (const ClientId& client : eligible) {
    KeyedRandom random(rule.key, "cohort " + std::to_string(round.value) + " " + client.name);
    std::array<std::byte, 8> bytes{};
    random.fill(bytes);
    std::uint64_t draw = 0;
    for (const std::byte byte : bytes) draw = draw << 8 | std::to_integer<std::uint64_t>(byte);
    if (draw >> 11 < threshold) out.push_back(client);
  }
  return out;
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
