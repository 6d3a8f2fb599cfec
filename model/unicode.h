#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "model/unicode_classes.h"

namespace fennec::unicode {

struct Decoded {
  char32_t code_point;
  std::size_t length;  ///< bytes
};

/// The code point that starts at byte `at` < size of *valid* UTF-8.
Decoded decode_at(std::string_view text, std::size_t at);
/// Bytes of the sequence that a valid lead byte opens.
std::size_t sequence_length(char lead);
void append(std::string& out, char32_t code_point);

bool is_valid(std::string_view bytes);
/// Each maximal invalid subsequence becomes one U+FFFD (Unicode §3.9, as Python's errors="replace").
std::string replace_invalid(std::string_view bytes);

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };
std::string normalize(std::string_view text, NormalForm form);  ///< `text` is valid UTF-8
std::string to_lower(std::string_view text);  ///< character by character, no final sigma

inline bool is(char32_t c, std::uint8_t bits) { return (classes(c) & bits) != 0; }

}  // namespace fennec::unicode
