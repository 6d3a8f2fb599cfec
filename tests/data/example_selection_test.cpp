#include "data/example_selection.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "core/rng.h"

using namespace fennec;

namespace {

ScoredExamples random_examples(std::size_t count, std::uint64_t seed, std::size_t dimensions = 3) {
  RandomStream random{Seed(seed)};
  ScoredExamples examples;
  examples.dimensions = dimensions;
  for (std::size_t i = 0; i < count; ++i) {
    examples.scores.push_back({random.uniform(0, 4), random.uniform(0, 1.4), random.uniform(0.2, 0.9),
                               "label" + std::to_string(random.below(4)), random.next_u64()});
    for (std::size_t d = 0; d < dimensions; ++d)
      examples.points.push_back(static_cast<float>(random.normal()));
  }
  return examples;
}

ScoredExamples permuted(const ScoredExamples& examples, const std::vector<std::size_t>& order) {
  ScoredExamples out;
  out.dimensions = examples.dimensions;
  for (const std::size_t i : order) {
    out.scores.push_back(examples.scores[i]);
    const auto at = examples.points.begin() + static_cast<std::ptrdiff_t>(i * examples.dimensions);
    out.points.insert(out.points.end(), at, at + static_cast<std::ptrdiff_t>(examples.dimensions));
  }
  return out;
}

double distance(const ScoredExamples& examples, std::size_t a, std::size_t b) {
  double sum = 0;
  for (std::size_t d = 0; d < examples.dimensions; ++d)
    sum += std::pow(static_cast<double>(examples.points[a * examples.dimensions + d]) -
                        static_cast<double>(examples.points[b * examples.dimensions + d]),
                    2);
  return std::sqrt(sum);
}

double radius(const ScoredExamples& examples, const std::vector<std::size_t>& centres) {
  double worst = 0;
  for (std::size_t i = 0; i < examples.scores.size(); ++i) {
    double nearest = std::numeric_limits<double>::infinity();
    for (const std::size_t c : centres) nearest = std::min(nearest, distance(examples, i, c));
    worst = std::max(worst, nearest);
  }
  return worst;
}

double best_radius(const ScoredExamples& examples, std::size_t count) {
  const std::size_t n = examples.scores.size();
  double best = std::numeric_limits<double>::infinity();
  for (std::size_t mask = 0; mask < (std::size_t{1} << n); ++mask) {
    std::vector<std::size_t> centres;
    for (std::size_t i = 0; i < n; ++i)
      if (mask >> i & 1) centres.push_back(i);
    if (centres.size() == count) best = std::min(best, radius(examples, centres));
  }
  return best;
}

std::vector<std::size_t> indices(std::size_t count) {
  std::vector<std::size_t> out(count);
  std::iota(out.begin(), out.end(), std::size_t{0});
  return out;
}

}  // namespace

TEST_CASE("a share of 1, and no strategy, take everything in its order") {
  const ScoredExamples examples = random_examples(37, 1);
  for (const std::string& name : example_selection_names()) {
    CAPTURE(name);
    CHECK(select_examples({name, 1.0, 0.1}, examples) == indices(37));
  }
  CHECK(select_examples({"none", 0.1, 0.1}, examples) == indices(37));
}

TEST_CASE(
    "every strategy takes its share, each label at least once, and nothing that looks mislabelled") {
  for (const std::string& name : example_selection_names()) {
    if (name == "none") continue;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      CAPTURE(name);
      CAPTURE(seed);
      ScoredExamples examples = random_examples(200, seed);
      for (std::size_t i = 0; i < 200; i += 10) examples.scores[i].ifd = 1.0 + static_cast<double>(i);
      std::vector<double> losses;
      for (const ExampleScore& score : examples.scores) losses.push_back(score.loss);
      std::ranges::sort(losses);
      const auto chosen = select_examples({name, 0.3, 0.02}, examples);
      CHECK(chosen.size() >= 60);
      CHECK(chosen.size() <= 64);
      CHECK(std::ranges::is_sorted(chosen));
      std::set<std::string> labels;
      for (const std::size_t i : chosen) {
        labels.insert(examples.scores[i].label);
        CHECK(examples.scores[i].ifd < 1);
        CHECK(examples.scores[i].loss <= losses[195]);
      }
      CHECK(labels.size() == 4);
      CHECK(std::set<std::size_t>(chosen.begin(), chosen.end()).size() == chosen.size());
    }
  }
}

TEST_CASE("a label that is all noise keeps its easiest example") {
  ScoredExamples examples = random_examples(20, 3);
  for (std::size_t i = 0; i < 20; ++i) examples.scores[i].label = i < 3 ? "rare" : "common";
  for (std::size_t i = 0; i < 3; ++i) examples.scores[i].ifd = 2;
  examples.scores[1].loss = 0.01;
  const auto chosen = select_examples({"mixed", 0.3, 0.0}, examples);
  CHECK(chosen.size() == 7);
  CHECK(chosen.front() == 1);
}

TEST_CASE("half of the mixed selection has the highest EL2N") {
  const ScoredExamples examples = random_examples(100, 4);
  auto by_el2n = indices(100);
  std::ranges::sort(by_el2n, [&](std::size_t a, std::size_t b) {
    return examples.scores[a].el2n > examples.scores[b].el2n;
  });
  const auto chosen = select_examples({"mixed", 0.3, 0.0}, examples);
  for (std::size_t i = 0; i < 15; ++i) CHECK(std::ranges::count(chosen, by_el2n[i]) == 1);
  const auto hardest = select_examples({"el2n", 0.3, 0.0}, examples);
  for (std::size_t i = 0; i < 30; ++i) CHECK(std::ranges::count(hardest, by_el2n[i]) == 1);
}

TEST_CASE("the choice does not depend on the order of the examples, ties included") {
  for (const std::string& name : example_selection_names()) {
    if (name == "none") continue;
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
      CAPTURE(name);
      CAPTURE(seed);
      ScoredExamples examples = random_examples(60, seed);
      for (ExampleScore& score : examples.scores) {  // many ties
        score.loss = std::round(score.loss);
        score.el2n = std::round(score.el2n * 2);
        score.ifd = std::round(score.ifd * 5) / 6;
      }
      for (float& value : examples.points) value = std::round(value);
      auto order = indices(60);
      RandomStream{Seed(seed + 100)}.shuffle(order);
      std::vector<std::size_t> back;
      for (const std::size_t i : select_examples({name, 0.3, 0.02}, permuted(examples, order)))
        back.push_back(order[i]);
      std::ranges::sort(back);
      CHECK(back == select_examples({name, 0.3, 0.02}, examples));
    }
  }
}

TEST_CASE("k-center takes no point twice while a distinct one is left") {
  ScoredExamples examples;
  examples.dimensions = 2;
  for (std::size_t i = 0; i < 24; ++i) {  // six distinct points, four copies each
    examples.scores.push_back({0, 0, 0, "", 24 - i});
    examples.points.push_back(static_cast<float>(i % 6));
    examples.points.push_back(static_cast<float>(i % 6 * (i % 6)));
  }
  const auto chosen = k_center(examples, indices(24), 6);
  std::set<std::size_t> distinct;
  for (const std::size_t i : chosen) distinct.insert(i % 6);
  CHECK(distinct.size() == 6);
  CHECK(k_center(examples, indices(24), 30).size() == 24);
  CHECK(k_center(examples, {}, 3).empty());
}

TEST_CASE("the greedy radius is within twice the best one") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const ScoredExamples examples = random_examples(10 + seed % 3, seed, 2);
    for (std::size_t count = 1; count <= 4; ++count) {
      CAPTURE(seed);
      CAPTURE(count);
      const auto chosen = k_center(examples, indices(examples.scores.size()), count);
      REQUIRE(chosen.size() == count);
      CHECK(radius(examples, chosen) <= 2 * best_radius(examples, count) + 1e-9);
    }
  }
}

TEST_CASE("k-center begins with the candidate of least summed squared distance") {
  const ScoredExamples examples = random_examples(40, 9);
  std::size_t medoid = 0;
  double best = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < 40; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < 40; ++j) sum += std::pow(distance(examples, i, j), 2);
    if (sum < best) medoid = i;
    best = std::min(best, sum);
  }
  CHECK(k_center(examples, indices(40), 1).front() == medoid);
}
