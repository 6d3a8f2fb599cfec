// Power of choice (Cho, Wang and Joshi, arXiv 2010.01243): of d candidates drawn in proportion to their
// examples those with the largest loss. This is its variant without a probing round (rpow-d): the loss
// is the one a client reported when it last took part, and who never did comes first.
#include <algorithm>
#include <cmath>
#include <limits>

#include "coordinator/selection.h"

namespace fennec {

std::vector<ClientId> select_powerofchoice(const SelectionInput& input) {
  std::vector<std::pair<ClientId, double>> weights;
  for (const Candidate& candidate : input.eligible)
    weights.emplace_back(candidate.client, static_cast<double>(candidate.train_examples));
  const std::size_t wanted =
      input.config.candidates > 0 ? static_cast<std::size_t>(input.config.candidates) : 2 * input.size;
  std::vector<ClientId> drawn =
      draw_weighted(weights, std::max(wanted, input.size), input.seed, "candidate");
  const auto loss = [&](const ClientId& client) {
    const ClientHistory::Last* last = input.history.find(client);
    return last != nullptr && std::isfinite(last->loss) ? last->loss
                                                        : std::numeric_limits<double>::infinity();
  };
  std::stable_sort(drawn.begin(), drawn.end(),
                   [&](const ClientId& a, const ClientId& b) { return loss(a) > loss(b); });
  drawn.resize(std::min(drawn.size(), input.size));
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

}  // namespace fennec
