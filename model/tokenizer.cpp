#include "model/tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "core/error.h"
#include "core/files.h"
#include "model/added_tokens.h"
#include "model/bpe.h"
#include "model/normalizer.h"
#include "model/post_processor.h"
#include "model/pre_tokenizer.h"
#include "model/token_decoder.h"
#include "model/tokenizer_specials.h"
#include "model/unicode.h"

namespace fennec {
namespace {

struct NamedToken {
  std::string content;
  bool known = false, special = false;
};

std::vector<AddedToken> select(const std::vector<AddedToken>& tokens, bool normalized) {
  std::vector<AddedToken> out;
  for (const AddedToken& token : tokens)
    if (token.normalized == normalized) out.push_back(token);
  return out;
}

std::vector<AddedToken> specials(const std::vector<AddedToken>& tokens) {
  std::vector<AddedToken> out;
  for (const AddedToken& token : tokens)
    if (token.special) out.push_back(token);
  return out;
}

std::unordered_set<TokenId> special_ids(const std::vector<AddedToken>& tokens) {
  std::unordered_set<TokenId> out;
  for (const AddedToken& token : tokens)
    if (token.special) out.insert(token.id);
  return out;
}

}  // namespace

/// The stages of a tokenizer.json, in the order a text goes through them.
struct Tokenizer::Parts {
  explicit Parts(const JsonNode& root) : Parts(root, read_added_tokens(root)) {}
  Parts(const JsonNode& root, const std::vector<AddedToken>& added)
      : normalize(make_normalizer(root.optional("normalizer"))),
        raw_added(select(added, false), make_normalizer(std::nullopt)),
        normalized_added(select(added, true), normalize),
        markup(specials(added), make_normalizer(std::nullopt)),
        pre_tokenize(make_pre_tokenizer(root.optional("pre_tokenizer"))),
        bpe(root.child("model"), special_ids(added)),
        post_process(make_post_processor(root.optional("post_processor"))),
        decoder(root.optional("decoder")) {
    for (const auto& [token, id] : bpe.vocabulary()) slot(root, id) = {token, true, false};
    for (const AddedToken& token : added) {
      slot(root, token.id) = {token.content, true, token.special};
      added_ids.emplace(token.content, token.id);
    }
    for (const TokenId id : post_process({}))
      if (id < 0 || static_cast<std::size_t>(id) >= tokens.size())
        root.refuse("post_processor adds id " + std::to_string(id) + ", which is no token");
  }

  TokenId id_of(std::string_view token) const {
    if (const auto it = added_ids.find(token); it != added_ids.end()) return it->second;
    const auto it = bpe.vocabulary().find(token);
    return it == bpe.vocabulary().end() ? -1 : it->second;
  }

  /// @param at_start  whether the text is what the input begins with
  void encode(std::string_view text, bool at_start, bool match_special,
              std::vector<TokenId>& ids) const {
    for (const Segment& segment : raw_added.split(text, match_special)) {
      if (segment.id >= 0)
        ids.push_back(segment.id);
      else
        encode_plain(segment, at_start && segment.text.data() == text.data(), match_special, ids);
    }
  }

  void encode_plain(const Segment& raw, bool at_start, bool match_special,
                    std::vector<TokenId>& ids) const {
    const std::string text = normalize(std::string(raw.text));
    for (const Segment& segment : normalized_added.split(text, match_special)) {
      if (segment.id >= 0) {
        ids.push_back(segment.id);
        continue;
      }
      const bool first = at_start && segment.text.data() == text.data();
      for (const Piece& word : pre_tokenize({{std::string(segment.text), first}}))
        bpe.encode(word.text, ids);
    }
  }

  Normalizer normalize;
  AddedTokenMatcher raw_added, normalized_added;
  AddedTokenMatcher markup;  ///< special tokens only, as they are spelled
  PreTokenizer pre_tokenize;
  Bpe bpe;
  PostProcessor post_process;
  TokenDecoder decoder;            ///< never used itself, only copied
  std::vector<NamedToken> tokens;  ///< by id
  Vocabulary added_ids;
  SpecialIds special;
  std::string chat_template;

 private:
  NamedToken& slot(const JsonNode& root, TokenId id) {
    constexpr TokenId kMaxId = 1 << 24;  // a wild id must not become a wild allocation
    if (id >= kMaxId) root.refuse("token id " + std::to_string(id) + " is too large");
    const auto index = static_cast<std::size_t>(id);
    if (index >= tokens.size()) tokens.resize(index + 1);
    return tokens[index];
  }
};

Tokenizer::Tokenizer(std::unique_ptr<const Parts> parts) : parts_(std::move(parts)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::load(const std::filesystem::path& dir) {
  const std::filesystem::path file = dir / "tokenizer.json";
  nlohmann::json document;
  try {
    document = nlohmann::json::parse(read_text_file(file));
  } catch (const nlohmann::json::exception& e) {
    throw IoError(file.string() + ": " + e.what());
  }
  auto parts = std::make_unique<Parts>(JsonNode(document, file.string()));
  parts->special = read_special_ids(
      dir, [&](const std::string& token) { return parts->id_of(token); }, parts->tokens.size());
  parts->chat_template = read_chat_template(dir);
  return Tokenizer(std::move(parts));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  const std::string repaired = unicode::is_valid(text) ? "" : unicode::replace_invalid(text);
  const std::string_view valid = repaired.empty() ? text : repaired;
  std::vector<TokenId> ids;
  if (options.trusted.empty()) {
    parts_->encode(valid, true, options.match_special, ids);
  } else {
    FENNEC_CHECK(repaired.empty() && options.trusted.back().end <= text.size());
    for (const Segment& segment : parts_->markup.split_within(valid, options.trusted)) {
      if (segment.id >= 0)
        ids.push_back(segment.id);
      else
        parts_->encode(segment.text, segment.text.data() == valid.data(), options.match_special, ids);
    }
  }
  return options.add_special ? parts_->post_process(std::move(ids)) : ids;
}

std::string Tokenizer::decode(const std::vector<TokenId>& ids, bool skip_special) const {
  std::vector<std::string> tokens;
  for (const TokenId id : ids)
    if (const auto token = token_of(id); token && !(skip_special && is_special(id)))
      tokens.emplace_back(*token);
  TokenDecoder decoder = parts_->decoder;
  return decoder.add(std::move(tokens), /*last=*/true);
}

std::optional<std::string_view> Tokenizer::token_of(TokenId id) const {
  const auto index = static_cast<std::size_t>(id);
  if (id < 0 || index >= parts_->tokens.size() || !parts_->tokens[index].known) return std::nullopt;
  return parts_->tokens[index].content;
}

bool Tokenizer::is_special(TokenId id) const {
  const auto index = static_cast<std::size_t>(id);
  return id >= 0 && index < parts_->tokens.size() && parts_->tokens[index].special;
}

std::size_t Tokenizer::vocab_size() const { return parts_->tokens.size(); }
TokenId Tokenizer::bos() const { return parts_->special.bos; }
const std::vector<TokenId>& Tokenizer::eos() const { return parts_->special.eos; }
TokenId Tokenizer::pad() const { return parts_->special.pad; }
const std::vector<TokenId>& Tokenizer::stop() const { return parts_->special.stop; }
TokenId Tokenizer::id_of(std::string_view token) const { return parts_->id_of(token); }
const TokenDecoder& Tokenizer::decoder() const { return parts_->decoder; }
const std::string& Tokenizer::chat_template() const { return parts_->chat_template; }

}  // namespace fennec
