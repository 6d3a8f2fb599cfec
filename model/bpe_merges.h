#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "model/tokenizer.h"

namespace fennec {

struct CountedWord {
  std::vector<TokenId> symbols;
  std::uint64_t count = 0;
};

using TokenPair = std::pair<TokenId, TokenId>;

/// Joins the most frequent adjacent pair, ties to the smaller (left, right), until `join` has enough or
/// no pair is seen `min_count` times. The cost of a merge is that of the words it occurs in, not of the
/// corpus.
/// @param join  told each pair in order; returns the id it becomes, or nothing to stop
void learn_merges(std::vector<CountedWord> words, std::uint64_t min_count,
                  const std::function<std::optional<TokenId>(TokenPair)>& join);

}  // namespace fennec
