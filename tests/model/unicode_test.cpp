#include "model/unicode.h"

#include <doctest/doctest.h>
#include <utf8proc.h>

#include "core/rng.h"
#include "model/byte_level.h"

using namespace fennec;

TEST_CASE("unicode: classes agree with utf8proc wherever it knows the character") {
  for (utf8proc_int32_t c = 0; c < 0x110000; ++c) {
    const utf8proc_category_t category = utf8proc_category(c);
    if (category == UTF8PROC_CATEGORY_CN || (c >= 0xD800 && c < 0xE000)) continue;
    const char first = utf8proc_category_string(c)[0];
    const int expected = (first == 'L' ? unicode::kLetter : 0) | (first == 'N' ? unicode::kNumber : 0) |
                         (first == 'P' ? unicode::kPunctuation : 0) |
                         (first == 'M' ? unicode::kMark : 0);
    const int got =
        unicode::classes(static_cast<char32_t>(c)) & ~(unicode::kWhiteSpace | unicode::kWord);
    if (got == expected) continue;  // one assertion a character would take seconds
    CAPTURE(c);
    CHECK(got == expected);
  }
  CHECK(unicode::classes(0x110000) == 0);
}

TEST_CASE("unicode: the table of ASCII is the table of all") {
  for (char32_t c = 0; c < 128; ++c) CHECK(unicode::kAsciiClasses[c] == unicode::classes(c));
}

TEST_CASE("unicode: an incomplete tail is one that some bytes complete") {
  CHECK(unicode::incomplete_tail("") == 0);
  CHECK(unicode::incomplete_tail("ab") == 0);
  CHECK(unicode::incomplete_tail("a\xE2") == 1);
  CHECK(unicode::incomplete_tail("a\xE2\x82") == 2);
  CHECK(unicode::incomplete_tail("a\xE2\x82\xAC") == 0);
  CHECK(unicode::incomplete_tail("\xF0\x9F\x98") == 3);
  for (const char* hopeless :
       {"\xC0", "\xF5", "\xE0\x80", "\xED\xA0", "\xF4\x90\x80", "\x80\x80", "\xFF"})
    CHECK(unicode::incomplete_tail(hopeless) == 0);
  RandomStream random(Seed(10).child("bytes"));
  for (int i = 0; i < 3000; ++i) {
    std::string bytes(random.below(6), '\0');
    for (char& b : bytes) {
      static const unsigned char kMarks[] = {0x41, 0x80, 0x9F, 0xA0, 0xBF, 0xC2,
                                             0xE0, 0xE2, 0xED, 0xF0, 0xF4, 0xFF};
      b = static_cast<char>(kMarks[random.below(sizeof kMarks)]);
    }
    // Before the tail nothing depends on what follows; the tail does.
    const std::size_t tail = unicode::incomplete_tail(bytes);
    const std::string head = unicode::replace_invalid(bytes.substr(0, bytes.size() - tail));
    for (const char* more : {"", "\x80", "\xBF\xBF", "a"})
      CHECK(unicode::replace_invalid(bytes + more).starts_with(head));
    bool completes = false;
    for (const char* more :
         {"\x80", "\xBF", "\x80\x80", "\xA0\x80", "\xBF\x80", "\x90\x80\x80", "\x80\x80\x80"})
      completes = completes || unicode::is_valid(bytes.substr(bytes.size() - tail) + more);
    CHECK(completes == (tail > 0));
  }
}

TEST_CASE("unicode: White_Space is the 25 code points of the standard") {
  std::string found;
  int count = 0;
  for (char32_t c = 0; c < 0x110000; ++c)
    if (unicode::is(c, unicode::kWhiteSpace)) ++count;
  CHECK(count == 25);
  for (const char32_t c : {U'\t', U'\r', U' ', U'\x85', U'\xA0', U'\u1680', U'\u2028', U'\u3000'})
    CHECK(unicode::is(c, unicode::kWhiteSpace));
  for (const char32_t c : {U'\u180E', U'\u200B', U'\uFEFF'})
    CHECK_FALSE(unicode::is(c, unicode::kWhiteSpace));
}

TEST_CASE("unicode: every code point survives append and decode") {
  for (char32_t c = 0; c < 0x110000; c += 1 + c / 200) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    unicode::append(text, c);
    const unicode::Decoded d = unicode::decode_at(text, 0);
    const bool same = d.code_point == c && d.length == text.size() && unicode::is_valid(text) &&
                      unicode::sequence_length(text[0]) == text.size();
    CHECK(same);
  }
}

TEST_CASE("unicode: invalid bytes become U+FFFD, one for each maximal part") {
  const std::string r = "\xEF\xBF\xBD";
  CHECK(unicode::replace_invalid("a\xFFz") == "a" + r + "z");
  CHECK(unicode::replace_invalid("\xE2\x82") == r);
  CHECK(unicode::replace_invalid("\xE2\x82z") == r + "z");
  CHECK(unicode::replace_invalid("\xF0\x9F\x98\xE2\x82\xAC") == r + "\xE2\x82\xAC");
  CHECK(unicode::replace_invalid("\xC0\xAF") == r + r);
  CHECK(unicode::replace_invalid("\xED\xA0\x80") == r + r + r);
  CHECK(unicode::replace_invalid("\xF4\x90\x80\x80") == r + r + r + r);
  RandomStream random(Seed(9).child("bytes"));
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random.below(12), '\0');
    for (char& b : bytes) b = static_cast<char>(static_cast<unsigned char>(random.below(256)));
    const std::string valid = unicode::replace_invalid(bytes);
    CHECK(unicode::is_valid(valid));
    CHECK(unicode::replace_invalid(valid) == valid);
    CHECK((unicode::is_valid(bytes) == (valid == bytes)));
  }
}

TEST_CASE("unicode: normal forms") {
  CHECK(unicode::normalize("e\xCC\x81", unicode::NormalForm::kNfc) == "é");
  CHECK(unicode::normalize("é", unicode::NormalForm::kNfd) == "e\xCC\x81");
  CHECK(unicode::normalize("ﬁ①", unicode::NormalForm::kNfkc) == "fi1");
  CHECK(unicode::normalize("ﬁ", unicode::NormalForm::kNfc) == "ﬁ");
  CHECK(unicode::to_lower("ÀΣİ") == "àσi\xCC\x87");
}

TEST_CASE("byte_level: 256 distinct stand-ins, and back") {
  CHECK(bytes_to_chars(" \n!") == "ĠĊ!");
  for (unsigned b = 0; b < 256; ++b)
    CHECK(char_to_byte(byte_to_char(static_cast<unsigned char>(b))) == static_cast<int>(b));
  std::string out = "x";
  append_bytes_of(out, "Ġ日");
  CHECK(out == "xĠ日");
}
