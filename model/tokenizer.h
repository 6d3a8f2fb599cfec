#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/text_span.h"

namespace fennec {

class TokenDecoder;

using TokenId = std::int32_t;

struct EncodeOptions {
  bool add_special = true;  ///< run the post-processor (adds BOS for Llama)
  bool match_special =
      true;  ///< false: special tokens in the text are plain characters (untrusted text)
  std::span<const Span> trusted{};  ///< parts, ordered and disjoint, where special tokens count even if
                                    ///< `match_special` is false; the text must then be valid UTF-8
};

/// A Hugging Face tokenizer.json of the BPE kinds. Immutable after load; any thread.
class Tokenizer {
 public:
  /// @param dir  holds tokenizer.json and, optionally, tokenizer_config.json / generation_config.json /
  /// config.json Throws IoError naming the file and the unsupported or malformed part.
  static Tokenizer load(const std::filesystem::path& dir);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  std::vector<TokenId> encode(std::string_view text, EncodeOptions options = {}) const;
  std::string decode(const std::vector<TokenId>& ids, bool skip_special = true) const;
  std::size_t vocab_size() const;           ///< one past the largest id
  TokenId bos() const;                      ///< −1 when there is none
  const std::vector<TokenId>& eos() const;  ///< end-of-text tokens; may be empty
  TokenId pad() const;                      ///< falls back to the first eos, then 0
  /// Ids that end a generated text: the eos of generation_config.json if it names any, else eos().
  const std::vector<TokenId>& stop() const;
  TokenId id_of(std::string_view token) const;  ///< −1 when absent
  /// The token as it is spelled in the vocabulary; empty for an id that no token has.
  std::optional<std::string_view> token_of(TokenId id) const;
  bool is_special(TokenId id) const;

  /// An unused decoder, to copy.
  const TokenDecoder& decoder() const;
  /// The chat template's source: chat_template.jinja, else `chat_template` of tokenizer_config.json;
  /// empty without one.
  const std::string& chat_template() const;

 private:
  struct Parts;
  explicit Tokenizer(std::unique_ptr<const Parts> parts);
  std::unique_ptr<const Parts> parts_;
};

}  // namespace fennec
