#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <set>

#include "core/digest.h"
#include "privacy/merkle_tree.h"
#include "privacy/secagg_degree.h"
#include "privacy/secagg_graph.h"

using namespace fennec;

namespace {

struct Found {
  std::uint32_t degree, threshold, largest;
};

std::optional<SecAggDegree> searched(std::uint32_t n, double corrupt, double dropouts, double bits,
                                     bool semi_malicious = false) {
  SecAggAssumptions a{n, corrupt, dropouts, bits};
  if (semi_malicious) a.adversary = SecAggAdversary::kSemiMalicious;
  return search_degree(a);
}

void check_row(std::uint32_t n, double corrupt, double dropouts, Found hbc40, Found h88,
               std::optional<Found> sm40) {
  CAPTURE(n);
  CAPTURE(corrupt);
  CAPTURE(dropouts);
  const auto check = [](const std::optional<SecAggDegree>& found, const Found& expected) {
    REQUIRE(found);
    CHECK(found->degree == expected.degree);
    CHECK(found->threshold == expected.threshold);
    if (expected.largest != 0) CHECK(found->largest_threshold == expected.largest);
  };
  check(searched(n, corrupt, dropouts, 40), hbc40);
  check(searched(n, corrupt, dropouts, 88), h88);
  const auto semi_malicious = searched(n, corrupt, dropouts, 40, true);
  if (sm40)
    check(semi_malicious, *sm40);
  else
    CHECK_FALSE(semi_malicious);
}

}  // namespace

TEST_CASE("degree and threshold: the table of computed rows") {
  check_row(10, .10, .10, {4, 2, 3}, {4, 2, 3}, Found{4, 3, 0});
  check_row(10, .10, .30, {6, 2, 3}, {6, 2, 3}, Found{8, 5, 0});
  check_row(10, .33, .30, {8, 4, 5}, {8, 4, 5}, std::nullopt);
  check_row(100, .05, .05, {12, 6, 7}, {12, 6, 7}, Found{16, 11, 0});
  check_row(100, .10, .10, {22, 11, 12}, {22, 11, 12}, Found{32, 22, 0});
  check_row(100, .10, .30, {34, 11, 11}, {42, 11, 17}, Found{72, 42, 0});
  check_row(100, .33, .05, {34, 29, 29}, {40, 34, 35}, Found{42, 37, 0});
  check_row(100, .33, .30, {64, 34, 34}, {64, 34, 34}, Found{94, 64, 0});
  check_row(1000, .05, .05, {30, 17, 18}, {42, 28, 28}, Found{52, 37, 0});
  check_row(1000, .10, .10, {48, 27, 28}, {68, 44, 44}, Found{96, 67, 0});
  check_row(1000, .10, .30, {88, 36, 36}, {124, 57, 57}, Found{414, 247, 0});
  check_row(1000, .20, .30, {140, 67, 67}, {196, 102, 102}, Found{644, 410, 0});
  check_row(1000, .33, .05, {78, 60, 60}, {118, 96, 96}, Found{132, 109, 0});
  check_row(1000, .33, .30, {250, 136, 136}, {332, 191, 191}, Found{926, 629, 0});
  check_row(5000, .05, .05, {32, 19, 19}, {50, 33, 34}, Found{58, 41, 0});
  check_row(5000, .10, .10, {52, 30, 30}, {78, 50, 50}, Found{116, 81, 0});
  check_row(5000, .10, .30, {106, 43, 43}, {152, 70, 70}, Found{704, 421, 0});
  check_row(5000, .33, .05, {88, 67, 67}, {140, 113, 113}, Found{168, 138, 0});
}

TEST_CASE("degree and threshold: large cohorts, the wide rows") {
  const auto hbc = searched(5000, .20, .30, 40), h88 = searched(5000, .20, .30, 88);
  REQUIRE((hbc && h88));
  CHECK((hbc->degree == 172 && hbc->threshold == 82));
  CHECK((h88->degree == 256 && h88->threshold == 133));
  const auto many = searched(5000, .33, .30, 40);
  REQUIRE(many);
  CHECK((many->degree == 336 && many->threshold == 183));
}

TEST_CASE("complete graphs: the thresholds, and what cannot be had is refused in words") {
  const auto threshold = [](std::uint32_t n, double corrupt) {
    const auto found = complete_degree({n, corrupt, .3});
    return found ? found->threshold : 0;
  };
  CHECK(threshold(3, .1) == 2);
  CHECK(threshold(5, .1) == 3);
  CHECK(threshold(10, .1) == 6);
  CHECK(threshold(20, .1) == 11);
  CHECK(threshold(50, .1) == 28);
  CHECK(threshold(100, .1) == 55);
  CHECK(threshold(128, .1) == 70);
  CHECK(threshold(10, .33) == 0);  // 7 of 6
  CHECK(threshold(20, .33) == 13);
  CHECK(threshold(50, .33) == 33);
  CHECK(threshold(100, .33) == 67);
  const auto refused = choose_degree({10, .33, .3});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("cohort of 10") != std::string::npos);
  const auto complete = choose_degree({128, .1, .3});
  REQUIRE(complete);
  CHECK(complete->degree == 127);
  const auto ring = choose_degree({1000, .1, .1, 88});
  REQUIRE(ring);
  CHECK((ring->degree == 68 && ring->threshold == 44));
}

TEST_CASE("the graph is symmetric, regular, without loops, and changes with the transcript") {
  for (const std::uint32_t n : {3u, 10u, 129u, 500u}) {
    const std::uint32_t degree = n <= 10 ? n - 1 : 20;
    const Sha256Digest sid = sha256("sid");
    const MaskGraph graph(n, degree, sha256("a"), sid);
    for (std::uint32_t rank = 0; rank < n; ++rank) {
      const auto neighbours = graph.neighbours(rank);
      CHECK(neighbours.size() == degree);
      CHECK(std::is_sorted(neighbours.begin(), neighbours.end()));
      CHECK(std::set<std::uint32_t>(neighbours.begin(), neighbours.end()).size() == degree);
      for (const std::uint32_t other : neighbours) {
        CHECK(other != rank);
        CHECK(graph.are_neighbours(other, rank));
      }
      for (std::uint32_t other = 0; other < n; ++other)
        CHECK(graph.are_neighbours(rank, other) ==
              std::binary_search(neighbours.begin(), neighbours.end(), other));
    }
    if (n > 100) CHECK(MaskGraph(n, degree, sha256("b"), sid).rank_at() != graph.rank_at());
  }
}

TEST_CASE("Merkle paths hold for their leaf and place alone") {
  for (std::size_t n = 1; n <= 17; ++n) {
    std::vector<Sha256Digest> leaves;
    for (std::size_t i = 0; i < n; ++i) leaves.push_back(sha256(std::to_string(i)));
    const MerkleTree tree(leaves);
    for (std::size_t i = 0; i < n; ++i) {
      auto path = tree.path(i);
      CHECK(path.size() <= merkle_depth(n));
      CHECK(merkle_path_holds(tree.root(), leaves[i], i, n, path));
      for (std::size_t j = 0; j < n; ++j)
        if (j != i) CHECK_FALSE(merkle_path_holds(tree.root(), leaves[i], j, n, path));
      CHECK_FALSE(merkle_path_holds(tree.root(), sha256("x"), i, n, path));
      CHECK_FALSE(merkle_path_holds(tree.root(), leaves[i], n + i, n, path));
      path.push_back(sha256("more"));
      CHECK_FALSE(merkle_path_holds(tree.root(), leaves[i], i, n, path));
      path.pop_back();
      if (path.empty()) continue;
      path.pop_back();
      CHECK_FALSE(merkle_path_holds(tree.root(), leaves[i], i, n, path));
    }
  }
}
