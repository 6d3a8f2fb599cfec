#include "model/word_pattern.h"

#include <array>
#include <limits>

#include "model/unicode.h"

namespace fennec {
namespace {

using namespace unicode;

constexpr std::string_view kLlama3Regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

bool is_newline(char c) { return c == '\r' || c == '\n'; }

/// The alternatives of the three regexes, tried in order at each position. They differ in four choices.
class WordPattern final : public TextPattern {
 public:
  /// @param gpt2        spaces only before words, numbers keep one, newlines are ordinary whitespace
  /// @param max_digits  longest number
  WordPattern(bool gpt2, std::size_t max_digits) : gpt2_(gpt2), max_digits_(max_digits) {}

  std::vector<Span> find_all(std::string_view text) const override {
    std::vector<Span> out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = word_end(text, at);
      out.push_back({at, end});
      at = end;
    }
    return out;
  }

 private:
  std::size_t word_end(std::string_view s, std::size_t at) const {
    for (const auto alternative : {&WordPattern::contraction, &WordPattern::letters,
                                   &WordPattern::number, &WordPattern::punctuation})
      if (const std::size_t end = (this->*alternative)(s, at); end > at) return end;
    return white_space(s, at);
  }

  /// End of the run of characters from `at` whose classes hit `bits` (or, with `none`, miss all of
  /// them).
  static std::size_t run(std::string_view s, std::size_t at, std::uint8_t bits, bool none = false,
                         std::size_t limit = kNoLimit) {
    for (std::size_t count = 0; at < s.size() && count < limit; ++count) {
      const Decoded d = decode_at(s, at);
      if (is(d.code_point, bits) == none) break;
      at += d.length;
    }
    return at;
  }

  std::size_t contraction(std::string_view s, std::size_t at) const {
    if (s[at] != '\'') return at;
    static constexpr std::array<std::string_view, 7> kEndings = {"s", "t", "re", "ve", "m", "ll", "d"};
    for (const std::string_view ending : kEndings) {
      bool same = s.size() - at - 1 >= ending.size();
      for (std::size_t i = 0; same && i < ending.size(); ++i) {
        const char c = s[at + 1 + i];
        same = c == ending[i] || (!gpt2_ && c >= 'A' && c <= 'Z' && c + ('a' - 'A') == ending[i]);
      }
      if (same) return at + 1 + ending.size();
      // ſ folds to s: the only character outside ASCII that does.
      if (!gpt2_ && ending == "s" && s.substr(at + 1, 2) == "\xC5\xBF") return at + 3;
    }
    return at;
  }

  std::size_t letters(std::string_view s, std::size_t at) const {
    std::size_t from = at;
    const Decoded first = decode_at(s, at);
    if (gpt2_ ? s[at] == ' ' : !is(first.code_point, kLetter | kNumber) && !is_newline(s[at]))
      from += first.length;
    const std::size_t end = run(s, from, kLetter);
    return end > from ? end : at;
  }

  std::size_t number(std::string_view s, std::size_t at) const {
    const std::size_t from = at + (gpt2_ && s[at] == ' ' ? 1 : 0);
    const std::size_t end = run(s, from, kNumber, false, max_digits_);
    return end > from ? end : at;
  }

  std::size_t punctuation(std::string_view s, std::size_t at) const {
    const std::size_t from = at + (s[at] == ' ' ? 1 : 0);
    std::size_t end = run(s, from, kWhiteSpace | kLetter | kNumber, true);
    if (end == from) return at;
    while (!gpt2_ && end < s.size() && is_newline(s[end])) ++end;
    return end;
  }

  /// Up to the last newline of the run; else all of it at the end of the text; else all but its last
  /// character, which belongs to the next word.
  std::size_t white_space(std::string_view s, std::size_t at) const {
    std::size_t end = at, last = at, after_newline = at;
    while (end < s.size()) {
      const Decoded d = decode_at(s, end);
      if (!is(d.code_point, kWhiteSpace)) break;
      last = end;
      end += d.length;
      if (is_newline(s[last])) after_newline = end;
    }
    if (!gpt2_ && after_newline > at) return after_newline;
    return end == s.size() || last == at ? end : last;
  }

  bool gpt2_;
  std::size_t max_digits_;
};

}  // namespace

std::shared_ptr<const TextPattern> make_word_pattern(std::string_view regex) {
  if (regex == kGpt2Regex) return std::make_shared<WordPattern>(true, kNoLimit);
  if (regex == kLlama3Regex) return std::make_shared<WordPattern>(false, 3);
  if (regex == kQwen2Regex) return std::make_shared<WordPattern>(false, 1);
  return nullptr;
}

}  // namespace fennec
