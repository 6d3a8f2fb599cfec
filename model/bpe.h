#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "model/json_node.h"
#include "model/tokenizer.h"

namespace fennec {

/// Heterogeneous string hashing, so that look-ups take string views.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
};
using Vocabulary = std::unordered_map<std::string, TokenId, StringHash, std::equal_to<>>;

/// Byte-pair encoding (Sennrich et al., arXiv 1508.07909): joins the adjacent pair of lowest rank,
/// leftmost first, until none is left. O(n log n) in the word's length. Any thread.
class Bpe {
 public:
  /// The "model" of a tokenizer.json. IoError for another type or an option that changes the result and
  /// is not supported.
  /// @param reserved  ids that a word never becomes as a whole (special tokens): untrusted text cannot
  /// spell them
  Bpe(const JsonNode& node, const std::unordered_set<TokenId>& reserved);
  Bpe(Bpe&&) noexcept;
  ~Bpe();

  /// @param word  valid UTF-8, as the pre-tokenizer left it
  void encode(std::string_view word, std::vector<TokenId>& out) const;
  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  class WordCache;
  struct Merge {
    std::uint32_t rank;
    TokenId id;
  };
  void read_merges(const JsonNode& node);
  std::vector<TokenId> symbols(std::string_view word) const;
  bool fall_back_to_bytes(std::string_view character, std::vector<TokenId>& out) const;
  TokenId id_of_character(std::string_view character) const;  ///< −1 when it is no token
  void merge(std::vector<TokenId>& symbols) const;
  void merge_few(std::vector<TokenId>& symbols) const;
  const Merge* merge_of(TokenId left, TokenId right) const;

  static constexpr std::size_t kFewSymbols = 24;
  Vocabulary vocabulary_;
  /// Ids of the first characters of Unicode, −1 = none; byte-level stand-ins are among them.
  std::array<TokenId, 0x180> low_characters_{};
  std::unordered_map<std::uint64_t, Merge> merges_;  ///< (left, right) → what they join to
  std::vector<TokenId> byte_tokens_;  ///< id of "<0x00>" …, −1 = absent; empty without byte fallback
  std::unordered_set<TokenId> reserved_;
  TokenId unknown_ = -1;
  bool fuse_unknown_ = false, whole_words_first_ = false;
  std::unique_ptr<WordCache> cache_;
};

}  // namespace fennec
