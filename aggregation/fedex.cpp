#include <algorithm>
#include <cmath>
#include <cstdio>

#include "aggregation/registry.h"

namespace fennec {
namespace {

/// Σ pₖBₖAₖ − B̄Ā as factors: Σ over all but the last client of pₖ(Bₖ − B̄)(Aₖ − A_K), of rank (K−1)·r.
/// (Σ pₖ(Bₖ − B̄) = 0, so one client's A may be taken off all of them.)
Factors residual(const std::vector<Factors>& clients, const std::vector<double>& p,
                 const Factors& mean) {
  const Eigen::Index r = mean.rank();
  const auto others = static_cast<Eigen::Index>(clients.size()) - 1;
  Factors out{Matrix(mean.b.rows(), others * r), Matrix(others * r, mean.a.cols())};
  for (Eigen::Index k = 0; k < others; ++k) {
    const auto client = static_cast<std::size_t>(k);
    out.b.middleCols(k * r, r) = clients[client].b - mean.b;
    out.a.middleRows(k * r, r) = p[client] * (clients[client].a - clients.back().a);
  }
  return out;
}

/// FedEx-LoRA (Singhal et al., arXiv 2410.09432): the mean of the factors, and beside it the residual
/// that makes their product exact: B = [B̄ R_B], A = [Ā; R_A]. With a rank asked for, the residual alone
/// is cut to what that leaves beyond the mean's.
CombinedAdapter combine(const AdapterSet& set, const RuleRequest& request) {
  require_equal_ranks(set, "fedex");
  CombinedAdapter out{mean_factors(set), {}, {}};
  const std::vector<double> p = set.weights();
  double residual_square = 0, whole_square = 0, left_out = 0;
  for (std::size_t m = 0; m < set.modules.size(); ++m) {
    const std::vector<Factors> clients = set.of_module(m);
    const Factors whole = stack(clients, p);
    whole_square += inner_product(whole, whole);
    Factors rest = residual(clients, p, out.modules[m]);
    residual_square += inner_product(rest, rest);
    const Eigen::Index room = request.rank - out.modules[m].rank();
    if (request.rank > 0 && room < rest.rank()) {
      const FactoredSvd svd = factored_svd(rest);
      const Eigen::Index kept = std::max<Eigen::Index>(0, room);
      left_out += std::pow(truncation_error(svd, kept), 2);
      rest = truncate(svd, kept);
    }
    if (rest.rank() > 0) {
      const Factors parts[] = {out.modules[m], std::move(rest)};
      const double ones[] = {1, 1};
      out.modules[m] = stack(parts, ones);
    }
  }
  const double whole = std::sqrt(whole_square);
  char text[128];
  std::snprintf(text, sizeof text, "the residual is %.3g of the update's norm, %.3g is left out",
                whole > 0 ? std::sqrt(residual_square) / whole : 0.0,
                whole > 0 ? std::sqrt(left_out) / whole : 0.0);
  out.notes.emplace_back(text);
  return out;
}

}  // namespace

StrategyParts fedex_parts() { return {nullptr, combine}; }

}  // namespace fennec
