#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/json_node.h"
#include "model/normalizer.h"
#include "model/text_span.h"
#include "model/tokenizer.h"

namespace fennec {

struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool single_word = false, lstrip = false, rstrip = false, normalized = false, special = false;
};
/// The "added_tokens" of a tokenizer.json.
std::vector<AddedToken> read_added_tokens(const JsonNode& root);

/// A part of a text: an added token, or plain text between two.
struct Segment {
  TokenId id = -1;  ///< −1: plain text
  std::string_view text;
};

/// Cuts texts at added tokens, leftmost first, longest where several begin. Any thread.
class AddedTokenMatcher {
 public:
  /// @param normalizer  applied to the tokens' contents before they are matched
  AddedTokenMatcher(std::vector<AddedToken> tokens, const Normalizer& normalizer);
  /// @param match_special  false: special tokens are plain characters
  std::vector<Segment> split(std::string_view text, bool match_special) const;
  /// @param within  ordered and disjoint; tokens are found inside these only
  std::vector<Segment> split_within(std::string_view text, std::span<const Span> within) const;

 private:
  /// Collects segments from left to right.
  struct Cut {
    std::string_view text;
    std::vector<Segment> segments;
    std::size_t plain = 0;  ///< end of the previous token, with what it swallowed
  };
  void scan(Cut& cut, Span range, bool match_special) const;
  static void take(Cut& cut, const AddedToken& token, std::size_t begin, std::size_t end);
  static std::vector<Segment> finish(Cut cut);
  const AddedToken* longest_at(std::string_view text, std::size_t at, bool match_special,
                               std::size_t& length) const;
  void insert(const std::string& content, std::size_t token);

  std::vector<AddedToken> tokens_;
  std::unordered_map<std::uint64_t, std::uint32_t>
      edges_;                           ///< (node, byte) → node of a trie over the contents
  std::array<bool, 256> begins_{};      ///< whether a token begins with the byte
  std::vector<std::int64_t> token_at_;  ///< node → index into tokens_, −1 = none
};

}  // namespace fennec
