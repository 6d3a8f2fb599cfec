// Each rule on whole adapters, against dense products.
#include <doctest/doctest.h>

#include <Eigen/QR>
#include <Eigen/SVD>

#include <algorithm>
#include <cmath>
#include <map>

#include "aggregation/registry.h"
#include "tests/aggregation/random_adapters.h"

using namespace fennec;
using namespace fennec::test;

namespace {

CombinedAdapter run(const char* name, const AdapterSet& set, const RuleRequest& request = {}) {
  return strategy_named(name, "strategy").parts.rule(set, request);
}

std::string refusal(const char* name, const AdapterSet& set) {
  try {
    run(name, set);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "accepted";
}

AdapterSet with_common_a(AdapterSet set) {
  for (ClientAdapter& client : set.clients)
    for (std::size_t m = 0; m < set.modules.size(); ++m)
      client.modules[m].a = set.clients[0].modules[m].a;
  return set;
}

Matrix best_of_rank(const Matrix& x, Eigen::Index rank) {
  const Eigen::JacobiSVD<Matrix> svd(x, Eigen::ComputeThinU | Eigen::ComputeThinV);
  return svd.matrixU().leftCols(rank) * svd.singularValues().head(rank).asDiagonal() *
         svd.matrixV().leftCols(rank).transpose();
}

}  // namespace

TEST_CASE("flora: the stack is the exact mean of products, of the ranks together, with weights once") {
  const AdapterSet set = random_adapters({1, 4, {1, 2, 4}});
  const CombinedAdapter made = run("flora", set);
  for (std::size_t m = 0; m < set.modules.size(); ++m) {
    CHECK(made.modules[m].rank() == 1 + 2 + 4 + 1);
    CHECK((product(made.modules[m]) - dense_mean(set, m)).norm() < 1e-12);
  }
}

TEST_CASE("flexlora: the best adapter of its rank, of clients of any ranks") {
  const AdapterSet set = random_adapters({2, 4, {1, 2, 4}});
  for (const int rank : {1, 3, 5, 9}) {
    RuleRequest request;
    request.rank = rank;
    const CombinedAdapter made = run("flexlora", set, request);
    for (std::size_t m = 0; m < set.modules.size(); ++m) {
      CHECK(made.modules[m].rank() == rank);
      const Matrix dense = dense_mean(set, m);
      const Eigen::Index most = std::min<Eigen::Index>(rank, std::min(dense.rows(), dense.cols()));
      CHECK((product(made.modules[m]) - best_of_rank(dense, most)).norm() < 1e-9);
    }
  }
  CHECK(run("flexlora", set).modules[0].rank() == 4);
  RuleRequest energy;
  energy.rank = 7;
  energy.energy = 0.5;
  CHECK(run("flexlora", set, energy).modules[0].rank() < 4);
}

TEST_CASE("fedex: mean and residual together are the exact mean; one client has no residual") {
  const AdapterSet set = random_adapters({3, 4, {2}});
  const CombinedAdapter made = run("fedex", set);
  const std::vector<Factors> mean = mean_factors(set);
  for (std::size_t m = 0; m < set.modules.size(); ++m) {
    CHECK(made.modules[m].rank() == 2 + 3 * 2);
    CHECK((product(made.modules[m]) - dense_mean(set, m)).norm() < 1e-12);
    CHECK((made.modules[m].b.leftCols(2) - mean[m].b).norm() == 0);
  }
  RuleRequest cut;
  cut.rank = 5;
  const CombinedAdapter smaller = run("fedex", set, cut);
  for (std::size_t m = 0; m < set.modules.size(); ++m) {
    CHECK(smaller.modules[m].rank() == 5);
    const Matrix residual = dense_mean(set, m) - product(mean[m]);
    CHECK((product(smaller.modules[m]) - product(mean[m]) - best_of_rank(residual, 3)).norm() < 1e-9);
  }
  CHECK(run("fedex", random_adapters({4, 1, {2}})).modules[0].rank() == 2);
}

TEST_CASE("lorafair: keeps the mean A and is where the ridge objective's gradient vanishes") {
  const AdapterSet set = random_adapters({5, 4, {3}});
  const std::vector<Factors> mean = mean_factors(set);
  for (const double ridge : {1e-9, 0.01, 1.0}) {
    RuleRequest request;
    request.rule.ridge = ridge;
    const CombinedAdapter made = run("lorafair", set, request);
    for (std::size_t m = 0; m < set.modules.size(); ++m) {
      const Matrix& a = mean[m].a;
      CHECK((made.modules[m].a - a).norm() == 0);
      const Matrix moved = made.modules[m].b - mean[m].b;
      const double lambda = ridge * (a * a.transpose()).trace() / 3;
      const Matrix gradient =
          (made.modules[m].b * a - dense_mean(set, m)) * a.transpose() + lambda * moved;
      CHECK(gradient.norm() < 1e-10);
      CHECK((product(made.modules[m]) - dense_mean(set, m)).norm() <=
            (product(mean[m]) - dense_mean(set, m)).norm());
    }
  }
  RuleRequest heavy;
  heavy.rule.ridge = 1e12;
  CHECK((run("lorafair", set, heavy).modules[0].b - mean[0].b).norm() < 1e-9);
  const AdapterSet common = with_common_a(set);
  CHECK((run("lorafair", common, {}).modules[1].b - mean_factors(common)[1].b).norm() < 1e-10);
}

TEST_CASE("hetlora: padded, and weighted by the norm of the whole update") {
  const AdapterSet set = random_adapters({6, 3, {1, 3, 2}});
  std::vector<double> weights;
  for (const ClientAdapter& client : set.clients) {
    double square = 0;
    for (const Factors& module : client.modules) square += product(module).squaredNorm();
    weights.push_back(std::sqrt(square));
  }
  const double total = weights[0] + weights[1] + weights[2];
  const CombinedAdapter made = run("hetlora", set);
  for (std::size_t m = 0; m < set.modules.size(); ++m) {
    REQUIRE(made.modules[m].rank() == 3);
    for (Eigen::Index slot = 0; slot < 3; ++slot) {
      Vector b = Vector::Zero(made.modules[m].b.rows());
      for (std::size_t k = 0; k < 3; ++k)
        if (slot < set.clients[k].modules[m].rank())
          b += weights[k] / total * set.clients[k].modules[m].b.col(slot);
      CHECK((made.modules[m].b.col(slot) - b).norm() < 1e-12);
    }
  }
}

TEST_CASE("ffa, rolora: exact with the common half, and refused without it, by name") {
  AdapterSet set = with_common_a(random_adapters({7, 4, {3}}));
  for (const char* name : {"ffa", "rolora"})
    for (std::size_t m = 0; m < set.modules.size(); ++m)
      CHECK((product(run(name, set).modules[m]) - dense_mean(set, m)).norm() < 1e-12);
  AdapterSet common_b = random_adapters({8, 4, {3}});
  for (ClientAdapter& client : common_b.clients)
    for (std::size_t m = 0; m < 2; ++m) client.modules[m].b = common_b.clients[0].modules[m].b;
  CHECK((product(run("rolora", common_b).modules[1]) - dense_mean(common_b, 1)).norm() < 1e-12);
  set.clients[2].modules[1].a(0, 0) += 1;
  CHECK(refusal("ffa", set).find("client2: second.lora_A") == 0);
  CHECK(refusal("rolora", random_adapters({9, 3, {2}})).find("client1: first.lora_A") == 0);
}

TEST_CASE("fedsa: the mean A for all, and each client its own B") {
  const AdapterSet set = random_adapters({10, 3, {2}});
  const CombinedAdapter made = run("fedsa", set);
  REQUIRE(made.personal.size() == 3);
  const std::vector<Factors> mean = mean_factors(set);
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK((made.personal[k][1].a - mean[1].a).norm() == 0);
    CHECK((made.personal[k][1].b - set.clients[k].modules[1].b).norm() == 0);
  }
}

TEST_CASE("fedsb: the mean of the cores between common factors; other factors are refused") {
  AdapterSet set = with_common_a(random_adapters({11, 4, {3}}));
  for (std::size_t k = 1; k < set.clients.size(); ++k)
    for (std::size_t m = 0; m < 2; ++m)
      set.clients[k].modules[m].b = set.clients[0].modules[m].b * random_matrix(50 + k, 3, 3);
  for (std::size_t m = 0; m < 2; ++m)
    CHECK((product(run("fedsb", set).modules[m]) - dense_mean(set, m)).norm() < 1e-11);
  set.clients[3].modules[0].b = random_matrix(77, 11, 3);
  CHECK(refusal("fedsb", set).find("client3: first.lora_B") == 0);
}

TEST_CASE("fedavg averages the factors, and a client's gauge shows in it: that is its defect") {
  AdapterSet set = random_adapters({12, 3, {2}});
  const CombinedAdapter before = run("fedavg", set);
  set.clients[1].modules[0].b *= 2;
  set.clients[1].modules[0].a /= 2;  // the same product
  CHECK((product(run("fedavg", set).modules[0]) - product(before.modules[0])).norm() > 1e-3);
  CHECK((product(run("flexlora", set).modules[0]) - best_of_rank(dense_mean(set, 0), 2)).norm() < 1e-9);
}

TEST_CASE("rules that need equal ranks say whose differ, and which ones do not need them") {
  const std::string message = refusal("fedavg", random_adapters({13, 3, {2, 4}}));
  CHECK(message.find("client1: first has rank 4, that of client0 has 2") == 0);
  CHECK(message.find("flexlora") != std::string::npos);
}
