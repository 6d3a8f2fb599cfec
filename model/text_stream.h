#pragma once
#include <string>

#include "model/token_decoder.h"
#include "model/tokenizer.h"

namespace fennec {

/// The text of ids as they come: complete characters only, and nothing that a later id could change.
/// All pieces together are Tokenizer::decode() of all ids. Not thread-safe.
class TextStream {
 public:
  /// @param tokenizer  outlives the stream
  explicit TextStream(const Tokenizer& tokenizer, bool skip_special = true)
      : tokenizer_(tokenizer), decoder_(tokenizer.decoder()), skip_special_(skip_special) {}

  /// What is new with this id; often nothing: while a character's bytes are not all there, while byte
  /// tokens follow one another.
  std::string add(TokenId id);
  /// What the last ids leave, incomplete characters as U+FFFD. Once, at the end.
  std::string finish() { return decoder_.add({}, /*last=*/true); }

 private:
  const Tokenizer& tokenizer_;
  TokenDecoder decoder_;
  bool skip_special_;
};

}  // namespace fennec
