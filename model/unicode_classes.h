#pragma once
#include <cstdint>
#include <span>

namespace fennec::unicode {

/// Bits of the character classes that tokenizers ask about.
enum ClassBit : std::uint8_t {
  kLetter = 1,       ///< general category L
  kNumber = 2,       ///< general category N
  kWhiteSpace = 4,   ///< property White_Space
  kPunctuation = 8,  ///< general category P
  kMark = 16,        ///< general category M
  kWord = 32,        ///< \w: Alphabetic, M, Nd, Pc, Join_Control
};

struct ClassRuns {
  ClassBit bit;
  std::span<const std::uint32_t>
      runs;  ///< lengths, alternating outside and inside the class, from U+0000
};
std::span<const ClassRuns> class_runs();

/// Or-ed ClassBits of a code point; 0 beyond U+10FFFF.
std::uint8_t classes(char32_t c);

}  // namespace fennec::unicode
