#include "aggregation/adapter_rule.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/error.h"

namespace fennec {
namespace {

struct Redistributed {
  Factors factors;
  double kept = 0, left_out = 0;  ///< squared norms
};

Eigen::Index rank_for_energy(const Vector& s, double energy) {
  const double total = s.squaredNorm();
  double sum = 0;
  for (Eigen::Index i = 0; i < s.size(); ++i) {
    sum += s[i] * s[i];
    if (sum >= energy * total) return i + 1;
  }
  return std::max<Eigen::Index>(s.size(), 1);
}

Redistributed redistributed(std::span<const Factors> clients, std::span<const double> weights,
                            const RuleRequest& request, Eigen::Index otherwise) {
  const FactoredSvd svd = factored_svd(stack(clients, weights));
  Eigen::Index rank = request.rank > 0 ? request.rank : otherwise;
  if (request.energy > 0) rank = std::min(rank, rank_for_energy(svd.s, request.energy));
  const double error = truncation_error(svd, rank);
  return {truncate(svd, rank), svd.s.squaredNorm(), error * error};
}

}  // namespace

CombinedAdapter redistribute_all(const AdapterSet& set, std::span<const double> weights,
                                 const RuleRequest& request) {
  CombinedAdapter out;
  double whole = 0, left_out = 0;
  for (std::size_t m = 0; m < set.modules.size(); ++m) {
    const std::vector<Factors> clients = set.of_module(m);
    Redistributed part = redistributed(clients, weights, request, largest_rank(clients));
    whole += part.kept;
    left_out += part.left_out;
    out.modules.push_back(std::move(part.factors));
  }
  char text[96];
  std::snprintf(text, sizeof text, "the truncation leaves out %.3g of the update's norm",
                whole > 0 ? std::sqrt(left_out / whole) : 0.0);
  out.notes.emplace_back(text);
  return out;
}

Eigen::Index largest_rank(std::span<const Factors> clients) {
  Eigen::Index rank = 0;
  for (const Factors& client : clients) rank = std::max(rank, client.rank());
  return rank;
}

void require_equal_ranks(const AdapterSet& set, const char* strategy) {
  for (const ClientAdapter& client : set.clients)
    for (std::size_t m = 0; m < set.modules.size(); ++m) {
      const Eigen::Index rank = client.modules[m].rank(), first = set.clients[0].modules[m].rank();
      if (rank == first) continue;
      throw ConfigError(client.name + ": " + set.modules[m] + " has rank " + std::to_string(rank) +
                        ", that of " + set.clients[0].name + " has " + std::to_string(first) + "; " +
                        strategy + " needs equal ranks (hetlora, flexlora and flora do not)");
    }
}

std::optional<Difference> differing_factor(const AdapterSet& set, Half half) {
  for (const ClientAdapter& client : set.clients)
    for (std::size_t m = 0; m < set.modules.size(); ++m) {
      const Factors &own = client.modules[m], &first = set.clients[0].modules[m];
      const bool same = half == Half::kA ? own.a == first.a : own.b == first.b;
      if (!same) return Difference{client.name, set.modules[m]};
    }
  return std::nullopt;
}

std::vector<Factors> mean_factors(const AdapterSet& set) {
  std::vector<Factors> out;
  for (std::size_t m = 0; m < set.modules.size(); ++m) {
    const Factors& first = set.clients[0].modules[m];
    Factors mean{Matrix::Zero(first.b.rows(), first.b.cols()),
                 Matrix::Zero(first.a.rows(), first.a.cols())};
    for (const ClientAdapter& client : set.clients) {
      mean.b += client.weight * client.modules[m].b;
      mean.a += client.weight * client.modules[m].a;
    }
    out.push_back(std::move(mean));
  }
  return out;
}

}  // namespace fennec
