#pragma once
#include <string>
#include <vector>

#include "aggregation/adapter_set.h"
#include "core/rng.h"

namespace fennec::test {

inline Matrix random_matrix(std::uint64_t seed, Eigen::Index rows, Eigen::Index columns) {
  RandomStream draw(Seed(seed).child("matrix"));
  Matrix out(rows, columns);
  for (Eigen::Index i = 0; i < out.size(); ++i) out.data()[i] = draw.normal();
  return out;
}

inline Factors random_factors(std::uint64_t seed, Eigen::Index out, Eigen::Index in,
                              Eigen::Index rank) {
  return {random_matrix(2 * seed, out, rank), random_matrix(2 * seed + 1, rank, in)};
}

struct RandomAdapters {
  std::uint64_t seed = 1;
  int clients = 4;
  std::vector<Eigen::Index> ranks = {3};  ///< of the clients, in turn
};

/// Two modules, neither square, whose sides and ranks all differ; weights ∝ 1, 2, 3, …
inline AdapterSet random_adapters(const RandomAdapters& wanted) {
  AdapterSet set;
  set.modules = {"first", "second"};
  const std::pair<Eigen::Index, Eigen::Index> shapes[] = {{11, 7}, {6, 13}};
  const double total = wanted.clients * (wanted.clients + 1) / 2.0;
  for (int k = 0; k < wanted.clients; ++k) {
    ClientAdapter client{"client" + std::to_string(k), (k + 1) / total, {}};
    const Eigen::Index rank = wanted.ranks[static_cast<std::size_t>(k) % wanted.ranks.size()];
    for (std::size_t m = 0; m < 2; ++m)
      client.modules.push_back(
          random_factors(wanted.seed * 1000 + static_cast<std::uint64_t>(k) * 10 + m, shapes[m].first,
                         shapes[m].second, rank));
    set.clients.push_back(std::move(client));
  }
  return set;
}

inline Matrix product(const Factors& x) { return x.b * x.a; }

/// Σ weightₖ·BₖAₖ of a module, as dense matrices.
inline Matrix dense_mean(const AdapterSet& set, std::size_t module) {
  Matrix sum =
      Matrix::Zero(set.clients[0].modules[module].b.rows(), set.clients[0].modules[module].a.cols());
  for (const ClientAdapter& client : set.clients)
    sum += client.weight * product(client.modules[module]);
  return sum;
}

}  // namespace fennec::test
