#include "model/byte_level.h"

#include <array>

#include "model/unicode.h"

namespace fennec {
namespace {

struct ByteChars {
  std::array<char32_t, 256> to_char{};
  std::array<std::string, 256> utf8;
  std::array<int, 0x144> to_byte{};

  ByteChars() {
    to_byte.fill(-1);
    char32_t next = 0x100;
    for (unsigned b = 0; b < 256; ++b) {
      const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      to_char[b] = printable ? static_cast<char32_t>(b) : next++;
      to_byte[to_char[b]] = static_cast<int>(b);
      unicode::append(utf8[b], to_char[b]);
    }
  }
};

const ByteChars& table() {
  static const ByteChars chars;
  return chars;
}

}  // namespace

char32_t byte_to_char(unsigned char byte) { return table().to_char[byte]; }

int char_to_byte(char32_t c) { return c < table().to_byte.size() ? table().to_byte[c] : -1; }

std::string bytes_to_chars(std::string_view bytes) {
  const ByteChars& chars = table();
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 2);
  for (const char b : bytes) out += chars.utf8[static_cast<unsigned char>(b)];
  return out;
}

void append_bytes_of(std::string& out, std::string_view chars) {
  const std::size_t start = out.size();
  const auto& to_byte = table().to_byte;
  for (std::size_t at = 0; at < chars.size();) {
    const unicode::Decoded d = unicode::decode_at(chars, at);
    const int byte = d.code_point < to_byte.size() ? to_byte[d.code_point] : -1;
    if (byte < 0) {
      out.resize(start);
      out.append(chars);
      return;
    }
    out.push_back(static_cast<char>(static_cast<unsigned char>(byte)));
    at += d.length;
  }
}

}  // namespace fennec
