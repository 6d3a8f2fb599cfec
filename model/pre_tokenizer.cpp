#include "model/pre_tokenizer.h"

#include "model/byte_level.h"
#include "model/split_behavior.h"
#include "model/text_pattern.h"
#include "model/unicode.h"
#include "model/word_pattern.h"

namespace fennec {
namespace {

using Finder = std::function<std::vector<Span>(std::string_view)>;

/// Appends what `spans` cut out of `piece`.
void cut(const Piece& piece, const std::vector<Span>& spans, std::vector<Piece>& out) {
  for (const Span& span : spans)
    out.push_back(
        {piece.text.substr(span.begin, span.end - span.begin), piece.at_start && span.begin == 0});
}

PreTokenizer make_splitter(Finder find, SplitBehavior behavior, bool invert = false) {
  return [find = std::move(find), behavior, invert](const std::vector<Piece>& pieces) {
    std::vector<Piece> out;
    for (const Piece& piece : pieces)
      cut(piece, split_by(piece.text, find(piece.text), behavior, invert), out);
    return out;
  };
}

/// Finds every character that `wanted` holds for, each a match of its own.
Finder each_character(std::function<bool(char32_t)> wanted) {
  return [wanted = std::move(wanted)](std::string_view text) {
    std::vector<Span> out;
    for (std::size_t at = 0; at < text.size();) {
      const unicode::Decoded d = unicode::decode_at(text, at);
      if (wanted(d.code_point)) out.push_back({at, at + d.length});
      at += d.length;
    }
    return out;
  };
}

Finder each_of(std::uint8_t classes) {
  return each_character([classes](char32_t c) { return unicode::is(c, classes); });
}

/// `\w+|[^\w\s]+`
std::vector<Span> words_and_symbols(std::string_view text) {
  std::vector<Span> out;
  int previous = 0;
  for (std::size_t at = 0; at < text.size();) {
    const unicode::Decoded d = unicode::decode_at(text, at);
    const int kind = unicode::is(d.code_point, unicode::kWord)         ? 1
                     : unicode::is(d.code_point, unicode::kWhiteSpace) ? 0
                                                                       : 2;
    if (kind != 0 && kind == previous)
      out.back().end += d.length;
    else if (kind != 0)
      out.push_back({at, at + d.length});
    previous = kind;
    at += d.length;
  }
  return out;
}

bool is_punctuation(char32_t c) {
  const bool ascii = (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
                     (c >= '{' && c <= '~');
  return ascii || unicode::is(c, unicode::kPunctuation);
}

PreTokenizer make_byte_level(const JsonNode& node) {
  const bool prefix = node.flag("add_prefix_space", true), use_regex = node.flag("use_regex", true);
  return [prefix, use_regex, words = make_word_pattern(kGpt2Regex)](std::vector<Piece> pieces) {
    std::vector<Piece> out;
    for (Piece& piece : pieces) {
      if (prefix && piece.text.front() != ' ') piece.text.insert(0, 1, ' ');
      const std::size_t first = out.size();
      if (use_regex)
        cut(piece, words->find_all(piece.text), out);
      else
        out.push_back(std::move(piece));
      for (std::size_t i = first; i < out.size(); ++i) out[i].text = bytes_to_chars(out[i].text);
    }
    return out;
  };
}

PreTokenizer make_metaspace(const JsonNode& node) {
  const std::string mark = node.text("replacement", "▁");
  if (mark.empty()) node.refuse("replacement must not be empty");
  std::string scheme =
      node.text("prepend_scheme", node.flag("add_prefix_space", true) ? "always" : "never");
  if (scheme != "always" && scheme != "first" && scheme != "never")
    node.refuse("prepend_scheme '" + scheme + "' is not supported; known: always, first, never");
  const bool split = node.flag("split", true);
  return [mark, scheme, split](const std::vector<Piece>& pieces) {
    std::vector<Piece> out;
    for (const Piece& piece : pieces) {
      std::string text;
      for (const char c : piece.text) c == ' ' ? text.append(mark) : text.append(1, c);
      const bool wants = scheme == "always" || (scheme == "first" && piece.at_start);
      if (wants && !text.starts_with(mark)) text.insert(0, mark);
      std::vector<Span> marks;
      for (std::size_t at = text.find(mark); split && at != std::string::npos;
           at = text.find(mark, at + mark.size()))
        marks.push_back({at, at + mark.size()});
      cut({text, piece.at_start}, split_by(text, marks, SplitBehavior::kMergedWithNext), out);
    }
    return out;
  };
}

PreTokenizer make_sequence(const JsonNode& node) {
  std::vector<PreTokenizer> steps;
  for (const JsonNode& item : node.items("pretokenizers")) steps.push_back(make_pre_tokenizer(item));
  return [steps](std::vector<Piece> pieces) {
    for (const PreTokenizer& step : steps) pieces = step(std::move(pieces));
    return pieces;
  };
}

PreTokenizer make_split(const JsonNode& node) {
  auto pattern = make_pattern(node.child("pattern"));
  return make_splitter([pattern](std::string_view text) { return pattern->find_all(text); },
                       read_split_behavior(node), node.flag("invert", false));
}

PreTokenizer make_delimiter_split(const JsonNode& node) {
  const std::string delimiter = node.text("delimiter");
  if (delimiter.empty() || unicode::sequence_length(delimiter[0]) != delimiter.size())
    node.refuse("delimiter must be one character");
  const char32_t wanted = unicode::decode_at(delimiter, 0).code_point;
  return make_splitter(each_character([wanted](char32_t c) { return c == wanted; }),
                       SplitBehavior::kRemoved);
}

}  // namespace

PreTokenizer make_pre_tokenizer(const std::optional<JsonNode>& node) {
  if (!node) return [](std::vector<Piece> pieces) { return pieces; };
  const std::string type = node->type();
  if (type == "Sequence") return make_sequence(*node);
  if (type == "ByteLevel") return make_byte_level(*node);
  if (type == "Split") return make_split(*node);
  if (type == "Metaspace") return make_metaspace(*node);
  if (type == "Digits")
    return make_splitter(each_of(unicode::kNumber), node->flag("individual_digits", false)
                                                        ? SplitBehavior::kIsolated
                                                        : SplitBehavior::kContiguous);
  if (type == "Punctuation")
    return make_splitter(each_character(is_punctuation),
                         node->has("behavior") ? read_split_behavior(*node) : SplitBehavior::kIsolated);
  if (type == "WhitespaceSplit")
    return make_splitter(each_of(unicode::kWhiteSpace), SplitBehavior::kRemoved);
  if (type == "Whitespace") return make_splitter(words_and_symbols, SplitBehavior::kRemoved, true);
  if (type == "CharDelimiterSplit") return make_delimiter_split(*node);
  node->refuse("pre_tokenizer '" + type +
               "' is not supported; known: Sequence, ByteLevel, Split, Digits, Punctuation, Metaspace, "
               "Whitespace, "
               "WhitespaceSplit, CharDelimiterSplit");
}

}  // namespace fennec
