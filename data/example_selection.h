#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/example_selection_config.h"

namespace fennec {

/// What a model makes of one example.
struct ExampleScore {
  double loss = 0;  ///< nats per completion token
  double el2n = 0;  ///< mean over completion tokens of ‖p − onehot(y)‖₂ (arXiv 2107.07075)
  /// Perplexity of the completion after the prompt over its perplexity alone (arXiv 2308.12032): at 1
  /// and above the prompt does not help. 0 without a prompt, infinite without a completion.
  double ifd = 0;
  std::string label;      ///< examples of one label stand in for each other
  std::uint64_t key = 0;  ///< digest of the example: breaks ties whatever the order of the examples
};

/// Scores of all examples, and a point for each.
struct ScoredExamples {
  std::vector<ExampleScore> scores;
  std::size_t dimensions = 0;
  std::vector<float> points;  ///< [n, dimensions], row-major
};

/// Whether fewer examples than there are may be chosen.
bool selects(const ExampleSelectionConfig& config);

/// Positions of the examples to train on, ascending; all of them unless selects(config). Otherwise what
/// looks mislabelled goes first, the `noise_share` with the highest loss and those whose IFD is 1 or
/// more; of the rest a `share` of all is taken, in strategies
///   loss, el2n, ifd: with the highest score;   k_center: spread out over the points;
///   mixed: half by EL2N, half spread out over what is left;
/// and then one example, the one of lowest loss, of each label that got none. The result does not
/// depend on the order of the examples.
std::vector<std::size_t> select_examples(const ExampleSelectionConfig& config,
                                         const ScoredExamples& examples);

/// k-center greedy (Gonzalez 1985): begins with the candidate nearest the candidates' mean (their
/// medoid in squared distance), then takes the one farthest from all taken so far; within a factor 2 of
/// the least possible radius. O(n·count).
/// @param candidates  positions in `examples`  @return at most `count` of them, in the order taken
std::vector<std::size_t> k_center(const ScoredExamples& examples, std::vector<std::size_t> candidates,
                                  std::size_t count);

}  // namespace fennec
