#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/bpe.h"
#include "model/pre_tokenizer.h"

namespace fennec {

struct BpeTrainerConfig {
  std::size_t vocab_size = 1024;  ///< special tokens and the 256 bytes included
  std::uint64_t min_count = 2;    ///< a pair seen less often is not joined
  std::vector<std::string> special_tokens = {"<|endoftext|>",
                                             "<|pad|>"};  ///< ids 0, 1, …; end of text, padding first
};

/// Learns a byte-level BPE whose digits are single tokens (arXiv 1508.07909; words are cut as GPT-2
/// does). Ids: special tokens, the 256 bytes, then one a merge. The result depends on the multiset of
/// words only: ties go to the smaller pair of ids. Not thread-safe.
class BpeTrainer {
 public:
  explicit BpeTrainer(
      BpeTrainerConfig config = {});  ///< ConfigError when vocab_size has no room for the bytes

  /// Counts the words of a text. Special tokens must not be written out in it.
  void add(std::string_view text);
  /// Learns the merges and writes tokenizer.json and tokenizer_config.json into `dir` (created when
  /// absent). Returns the size of the vocabulary, which a small corpus may leave below vocab_size.
  /// Throws IoError.
  std::size_t write(const std::filesystem::path& dir) const;

 private:
  BpeTrainerConfig config_;
  PreTokenizer pre_tokenize_;
  std::unordered_map<std::string, std::uint64_t, StringHash, std::equal_to<>>
      words_;  ///< in byte stand-ins
};

}  // namespace fennec
