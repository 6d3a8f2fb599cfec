#pragma once
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "model/unicode_classes.h"

namespace fennec::unicode {

struct Decoded {
  char32_t code_point;
  std::size_t length;  ///< bytes
};

/// A code point outside ASCII that starts at byte `at`.
Decoded decode_sequence(std::string_view text, std::size_t at);

/// The code point that starts at byte `at` < size of *valid* UTF-8.
inline Decoded decode_at(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  return byte < 0x80 ? Decoded{byte, 1} : decode_sequence(text, at);
}
/// Bytes of the sequence that a valid lead byte opens.
std::size_t sequence_length(char lead);
void append(std::string& out, char32_t code_point);

bool is_valid(std::string_view bytes);
/// Each maximal invalid subsequence becomes one U+FFFD (Unicode §3.9, as Python's errors="replace").
std::string replace_invalid(std::string_view bytes);
/// Bytes at the end that begin a sequence which more bytes may complete: 0 to 3.
std::size_t incomplete_tail(std::string_view bytes);

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };
std::string normalize(std::string_view text, NormalForm form);  ///< `text` is valid UTF-8
std::string to_lower(std::string_view text);  ///< character by character, no final sigma

/// classes() of ASCII, where most text is.
inline constexpr std::array<std::uint8_t, 128> kAsciiClasses = [] {
  std::array<std::uint8_t, 128> out{};
  for (std::size_t c = 0; c < out.size(); ++c) {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'), digit = c >= '0' && c <= '9';
    const bool space = (c >= 9 && c <= 13) || c == ' ';
    const bool punctuation = std::string_view("!\"#%&'()*,-./:;?@[\\]_{}").find(static_cast<char>(c)) !=
                             std::string_view::npos;
    out[c] = static_cast<std::uint8_t>((letter ? kLetter : 0) | (digit ? kNumber : 0) |
                                       (space ? kWhiteSpace : 0) | (punctuation ? kPunctuation : 0) |
                                       (letter || digit || c == '_' ? kWord : 0));
  }
  return out;
}();

inline bool is(char32_t c, std::uint8_t bits) {
  return ((c < 128 ? kAsciiClasses[c] : classes(c)) & bits) != 0;
}

}  // namespace fennec::unicode
