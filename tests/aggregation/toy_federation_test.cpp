// A federation small enough to compute in a second: linear regression with a LoRA of rank 4 on clients
// that differ, trained by Adam, combined by the rules themselves. What they can and cannot learn shows.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "aggregation/registry.h"
#include "tests/aggregation/random_adapters.h"

using namespace fennec;
using namespace fennec::test;

namespace {

constexpr Eigen::Index kOut = 24, kIn = 32, kRank = 4, kRows = 64;
constexpr int kClients = 10, kSteps = 10;

struct Toy {
  Matrix target;             ///< W*, what the clients have in common
  std::vector<Matrix> x, y;  ///< of each client

  /// @param difference  of the clients' own targets from W*, which cancel over all of them
  Toy(double difference, Eigen::Index true_rank) {
    target = random_matrix(1, kOut, true_rank) * random_matrix(2, true_rank, kIn) /
             std::sqrt(static_cast<double>(true_rank * kIn));
    std::vector<Matrix> own;
    Matrix mean = Matrix::Zero(kOut, kIn);
    for (std::uint64_t k = 0; k < kClients; ++k) {
      own.push_back(difference * random_matrix(10 + k, kOut, 2) * random_matrix(40 + k, 2, kIn) /
                    std::sqrt(2.0 * kIn));
      mean += own.back() / kClients;
    }
    for (std::uint64_t k = 0; k < kClients; ++k) {
      x.push_back(random_matrix(70 + k, kRows, kIn));
      y.push_back(x[k] * (target + own[k] - mean).transpose() +
                  0.05 * random_matrix(90 + k, kRows, kOut));
    }
  }
  double error(const Matrix& w) const { return (w - target).squaredNorm() / target.squaredNorm(); }
};

struct Adam {
  Matrix m, v;
  explicit Adam(const Matrix& like)
      : m(Matrix::Zero(like.rows(), like.cols())), v(Matrix::Zero(like.rows(), like.cols())) {}
  void step(Matrix& w, const Matrix& gradient, int t) {
    m = 0.9 * m + 0.1 * gradient;
    v = 0.999 * v + 0.001 * gradient.cwiseProduct(gradient);
    const double scale = 1e-2 / (1 - std::pow(0.9, t)), bias = 1 / std::sqrt(1 - std::pow(0.999, t));
    w.array() -= scale * m.array() / (v.array().sqrt() * bias + 1e-8);
  }
};

/// Local steps on W + B·A, of the half that travels.
Factors train(const Toy& toy, std::size_t client, const Matrix& w, Factors f, Half half) {
  Adam of_b(f.b), of_a(f.a);
  const Matrix &x = toy.x[client], rest = toy.y[client] - x * w.transpose();
  for (int t = 1; t <= kSteps; ++t) {
    const Matrix u = x * f.a.transpose();                                // [rows, r]
    const Matrix g = 2 * (u * f.b.transpose() - rest) / (kRows * kOut);  // [rows, out]
    const Matrix grad_b = g.transpose() * u, grad_a = (g * f.b).transpose() * x;
    if (half != Half::kA) of_b.step(f.b, grad_b, t);
    if (half != Half::kB) of_a.step(f.a, grad_a, t);
  }
  return f;
}

Factors fresh(std::uint64_t seed) {
  Factors out{Matrix::Zero(kOut, kRank), Matrix(kRank, kIn)};
  RandomStream draw(Seed(seed).child("toy_init"));
  const double bound = 1 / std::sqrt(static_cast<double>(kIn));
  for (Eigen::Index i = 0; i < out.a.size(); ++i) out.a.data()[i] = draw.uniform(-bound, bound);
  return out;
}

/// The error after `rounds`.
/// @param merges  rounds after which the result goes into W and the adapter starts afresh: each for a
/// stacking rule, every so many for absorption; 0 = never
double run(const char* strategy, const Toy& toy, int rounds, int merges = 0) {
  const Strategy found = strategy_named(strategy, "strategy");
  Matrix w = Matrix::Zero(kOut, kIn);
  Factors global = fresh(0);
  for (int round = 1; round <= rounds; ++round) {
    AdapterSet set;
    set.modules = {"w"};
    for (std::size_t k = 0; k < kClients; ++k)
      set.clients.push_back(
          {"client" + std::to_string(k),
           1.0 / kClients,
           {train(toy, k, w, global, half_of_round(found.traits.travel, RoundId{round}))}});
    global = found.parts.rule(set, {}).modules[0];
    if (merges == 0 || round % merges != 0) continue;
    w += product(global);
    global = fresh(static_cast<std::uint64_t>(round));
  }
  return toy.error(w + product(global));
}

}  // namespace

TEST_CASE("toy: averaging factors, and halves in turn, learn a target of the adapter's rank") {
  const Toy toy(0.5, 3);
  const double fedavg = run("fedavg", toy, 120), rolora = run("rolora", toy, 120);
  CHECK(fedavg < 0.01);
  CHECK(rolora < 0.01);
  CHECK(run("flexlora", toy, 60) < 0.05);
  CHECK(run("lorafair", toy, 60) < 0.05);
}

TEST_CASE("toy: a frozen A is a hard limit, and stacking is none") {
  CHECK(run("ffa", Toy(0.5, 3), 60) > 0.5);
  CHECK(run("flora", Toy(0, 8), 120, /*merges=*/1) < 0.005);
}

TEST_CASE("toy: absorption learns what the rank of the adapter cannot hold") {
  const Toy toy(0.5, 8);
  CHECK(run("rolora", toy, 120) > 0.1);
  CHECK(run("rolora", toy, 120, /*merges=*/40) < 0.03);
}
