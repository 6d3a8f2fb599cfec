#include "model/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <vector>

namespace fennec::unicode {
namespace {

constexpr std::size_t kPage = 256, kPages = 0x110000 / kPage;
using Page = std::array<std::uint8_t, kPage>;

/// Two-stage table: most of the 4,352 pages are alike and stored once.
struct ClassTable {
  std::array<std::uint16_t, kPages> page_of{};
  std::vector<Page> pages;

  ClassTable() {
    std::vector<std::uint8_t> flat(0x110000);
    for (const ClassRuns& item : class_runs()) {
      std::size_t at = 0;
      bool inside = false;
      for (const std::uint32_t run : item.runs) {
        if (inside)
          for (std::size_t c = at; c < at + run; ++c)
            flat[c] = static_cast<std::uint8_t>(flat[c] | item.bit);
        at += run;
        inside = !inside;
      }
    }
    std::map<Page, std::uint16_t> known;
    for (std::size_t p = 0; p < kPages; ++p) {
      Page page;
      std::copy_n(flat.begin() + static_cast<std::ptrdiff_t>(p * kPage), kPage, page.begin());
      const auto [it, fresh] = known.emplace(page, static_cast<std::uint16_t>(pages.size()));
      if (fresh) pages.push_back(page);
      page_of[p] = it->second;
    }
  }
};

std::uint8_t byte_at(std::string_view s, std::size_t i) { return static_cast<std::uint8_t>(s[i]); }

/// The first byte from `at` on that is not ASCII, or a little before it; never beyond the end.
std::size_t skip_ascii(std::string_view s, std::size_t at) {
  for (std::uint64_t eight = 0; at + sizeof eight <= s.size(); at += sizeof eight) {
    std::memcpy(&eight, s.data() + at, sizeof eight);
    if ((eight & 0x8080808080808080U) != 0) break;
  }
  return at;
}

/// Valid bytes at the front of an ill-formed or well-formed sequence, and whether it is complete.
struct Scan {
  std::size_t length;
  bool complete;
};

Scan scan_sequence(std::string_view s, std::size_t at) {
  const std::uint8_t lead = byte_at(s, at);
  if (lead < 0x80) return {1, true};
  if (lead < 0xC2 || lead > 0xF4) return {1, false};
  const std::size_t need = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte's range excludes overlong forms, surrogates and code points beyond U+10FFFF.
  const std::uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const std::uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (std::size_t i = 1; i < need; ++i) {
    if (at + i >= s.size()) return {i, false};
    const std::uint8_t b = byte_at(s, at + i);
    if (b < (i == 1 ? low : 0x80) || b > (i == 1 ? high : 0xBF)) return {i, false};
  }
  return {need, true};
}

}  // namespace

std::uint8_t classes(char32_t c) {
  static const ClassTable table;
  return c < 0x110000 ? table.pages[table.page_of[c / kPage]][c % kPage] : std::uint8_t{0};
}

std::size_t sequence_length(char lead) {
  const auto b = static_cast<std::uint8_t>(lead);
  return b < 0x80 ? 1 : b < 0xE0 ? 2 : b < 0xF0 ? 3 : 4;
}

Decoded decode_sequence(std::string_view s, std::size_t at) {
  const std::uint8_t b = byte_at(s, at);
  const auto tail = [&](std::size_t i) { return static_cast<char32_t>(byte_at(s, at + i) & 0x3F); };
  if (b < 0xE0) return {(static_cast<char32_t>(b & 0x1F) << 6) | tail(1), 2};
  if (b < 0xF0) return {(static_cast<char32_t>(b & 0x0F) << 12) | (tail(1) << 6) | tail(2), 3};
  return {(static_cast<char32_t>(b & 0x07) << 18) | (tail(1) << 12) | (tail(2) << 6) | tail(3), 4};
}

void append(std::string& out, char32_t c) {
  const auto put = [&](char32_t byte) {
    out.push_back(static_cast<char>(static_cast<unsigned char>(byte)));
  };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | (c >> 6));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

bool is_valid(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    at = skip_ascii(bytes, at);
    if (at == bytes.size()) break;
    const Scan scan = scan_sequence(bytes, at);
    if (!scan.complete) return false;
    at += scan.length;
  }
  return true;
}

std::string replace_invalid(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const Scan scan = scan_sequence(bytes, at);
    if (scan.complete)
      out.append(bytes.substr(at, scan.length));
    else
      append(out, 0xFFFD);
    at += scan.length;
  }
  return out;
}

std::size_t incomplete_tail(std::string_view bytes) {
  for (std::size_t tail = 1; tail <= 3 && tail <= bytes.size(); ++tail) {
    const std::size_t at = bytes.size() - tail;
    if (byte_at(bytes, at) < 0xC2) continue;  // no lead byte
    const Scan scan = scan_sequence(bytes, at);
    return !scan.complete && scan.length == tail && byte_at(bytes, at) <= 0xF4 ? tail : 0;
  }
  return 0;
}

std::string normalize(std::string_view text, NormalForm form) {
  const auto ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (std::all_of(text.begin(), text.end(), ascii)) return std::string(text);
  const bool compose = form == NormalForm::kNfc || form == NormalForm::kNfkc;
  int options = UTF8PROC_STABLE | (compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE);
  if (form == NormalForm::kNfkc || form == NormalForm::kNfkd) options |= UTF8PROC_COMPAT;
  utf8proc_uint8_t* buffer = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                             static_cast<utf8proc_ssize_t>(text.size()), &buffer,
                                             static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned(buffer, &std::free);
  if (size < 0) throw std::bad_alloc();  // the input is valid UTF-8: nothing else can go wrong
  return std::string(reinterpret_cast<const char*>(buffer), static_cast<std::size_t>(size));
}

std::string to_lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Decoded d = decode_at(text, at);
    at += d.length;
    if (d.code_point == 0x130)  // İ: the one character whose lower case is two
      out += "i\xCC\x87";
    else
      append(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(d.code_point))));
  }
  return out;
}

}  // namespace fennec::unicode
