#include "model/added_tokens.h"

#include <algorithm>
#include <limits>

#include "model/unicode.h"

namespace fennec {
namespace {

std::uint64_t edge(std::uint64_t node, char byte) {
  return (node << 8) | static_cast<unsigned char>(byte);
}

/// Start of the code point that ends before byte `at`.
std::size_t step_back(std::string_view text, std::size_t at) {
  do --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}

bool touches_word(std::string_view text, std::size_t begin, std::size_t end) {
  const auto word = [&](std::size_t at) {
    return unicode::is(unicode::decode_at(text, at).code_point, unicode::kWord);
  };
  return (begin > 0 && word(step_back(text, begin))) || (end < text.size() && word(end));
}

bool is_space_at(std::string_view text, std::size_t at) {
  return unicode::is(unicode::decode_at(text, at).code_point, unicode::kWhiteSpace);
}

}  // namespace

std::vector<AddedToken> read_added_tokens(const JsonNode& root) {
  std::vector<AddedToken> out;
  if (!root.has("added_tokens")) return out;
  for (const JsonNode& node : root.items("added_tokens")) {
    const std::int64_t id = node.integer("id");
    if (id < 0 || id > std::numeric_limits<TokenId>::max()) node.refuse("id is out of range");
    const bool special = node.flag("special", false);
    out.push_back({static_cast<TokenId>(id), node.text("content"), node.flag("single_word", false),
                   node.flag("lstrip", false), node.flag("rstrip", false),
                   node.flag("normalized", !special), special});
  }
  return out;
}

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens, const Normalizer& normalizer)
    : tokens_(std::move(tokens)), token_at_{-1} {
  for (std::size_t i = 0; i < tokens_.size(); ++i) insert(normalizer(tokens_[i].content), i);
}

void AddedTokenMatcher::insert(const std::string& content, std::size_t token) {
  if (content.empty()) return;
  begins_[static_cast<unsigned char>(content[0])] = true;
  std::uint32_t node = 0;
  for (const char byte : content) {
    const auto [it, fresh] =
        edges_.emplace(edge(node, byte), static_cast<std::uint32_t>(token_at_.size()));
    if (fresh) token_at_.push_back(-1);
    node = it->second;
  }
  token_at_[node] = static_cast<std::int64_t>(token);
}

const AddedToken* AddedTokenMatcher::longest_at(std::string_view text, std::size_t at,
                                                bool match_special, std::size_t& length) const {
  const AddedToken* best = nullptr;
  std::uint32_t node = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    const auto next = edges_.find(edge(node, text[i]));
    if (next == edges_.end()) break;
    node = next->second;
    if (token_at_[node] < 0) continue;
    const AddedToken& token = tokens_[static_cast<std::size_t>(token_at_[node])];
    if (token.special && !match_special) continue;
    best = &token;
    length = i + 1 - at;
  }
  return best;
}

void AddedTokenMatcher::take(Cut& cut, const AddedToken& token, std::size_t begin, std::size_t end) {
  const std::string_view text = cut.text;
  if (begin < cut.plain || (token.single_word && touches_word(text, begin, end))) return;
  while (token.lstrip && begin > cut.plain && is_space_at(text, step_back(text, begin)))
    begin = step_back(text, begin);
  while (token.rstrip && end < text.size() && is_space_at(text, end))
    end += unicode::decode_at(text, end).length;
  if (begin > cut.plain) cut.segments.push_back({-1, text.substr(cut.plain, begin - cut.plain)});
  cut.segments.push_back({token.id, text.substr(begin, end - begin)});
  cut.plain = end;
}

void AddedTokenMatcher::scan(Cut& cut, Span range, bool match_special) const {
  const std::string_view text = cut.text.substr(0, range.end);
  for (std::size_t at = range.begin; at < text.size();) {
    std::size_t length = 0;
    const AddedToken* token = begins_[static_cast<unsigned char>(text[at])]
                                  ? longest_at(text, at, match_special, length)
                                  : nullptr;
    if (token) take(cut, *token, at, at + length);
    at += token ? length : 1;
  }
}

std::vector<Segment> AddedTokenMatcher::finish(Cut cut) {
  if (cut.plain < cut.text.size()) cut.segments.push_back({-1, cut.text.substr(cut.plain)});
  return std::move(cut.segments);
}

std::vector<Segment> AddedTokenMatcher::split(std::string_view text, bool match_special) const {
  Cut cut{text, {}};
  if (!edges_.empty()) scan(cut, {0, text.size()}, match_special);
  return finish(std::move(cut));
}

std::vector<Segment> AddedTokenMatcher::split_within(std::string_view text,
                                                     std::span<const Span> within) const {
  Cut cut{text, {}};
  for (const Span& span : within) scan(cut, span, true);
  return finish(std::move(cut));
}

}  // namespace fennec
