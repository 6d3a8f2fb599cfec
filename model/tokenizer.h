#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fennec {

using TokenId = std::int32_t;

struct EncodeOptions {
  bool add_special = true;  ///< run the post-processor (adds BOS for Llama)
  bool match_special =
      true;  ///< false: special tokens in the text are plain characters (untrusted text)
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
  std::size_t vocab_size() const;               ///< one past the largest id
  TokenId bos() const;                          ///< −1 when there is none
  const std::vector<TokenId>& eos() const;      ///< stop tokens; may be empty
  TokenId pad() const;                          ///< falls back to the first eos, then 0
  TokenId id_of(std::string_view token) const;  ///< −1 when absent

 private:
  struct Parts;
  explicit Tokenizer(std::unique_ptr<const Parts> parts);
  std::unique_ptr<const Parts> parts_;
};

}  // namespace fennec
