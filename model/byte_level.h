#pragma once
#include <string>
#include <string_view>

namespace fennec {

/// GPT-2's printable stand-in for a byte: 0x21–0x7E, 0xA1–0xAC, 0xAE–0xFF are themselves, the other 68
/// bytes are U+0100, U+0101, … in increasing order.
char32_t byte_to_char(unsigned char byte);
/// −1 when the character stands for no byte.
int char_to_byte(char32_t c);

/// One stand-in a byte, as UTF-8.
std::string bytes_to_chars(std::string_view bytes);
/// Appends the bytes that `chars` (valid UTF-8) stand for; its own bytes when one of them stands for
/// none.
void append_bytes_of(std::string& out, std::string_view chars);

}  // namespace fennec
