#include "aggregation/codec/update_header.h"

#include <algorithm>
#include <cstdint>

#include "aggregation/codec/byte_io.h"
#include "core/digest.h"

namespace fennec {
namespace {

constexpr std::string_view kMagic = "FNUP";
constexpr std::uint16_t kFormatVersion = 1;
constexpr std::size_t kDigestBytes = 32;

void append_text(std::vector<std::byte>& out, std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

bool equals(std::span<const std::byte> bytes, std::string_view text) {
  return std::ranges::equal(bytes, std::as_bytes(std::span(text)));
}

}  // namespace

void append_update_header(std::vector<std::byte>& out, std::string_view codec,
                          const ParameterLayout& layout) {
  FENNEC_CHECK(layout.digest().size() == 2 * kDigestBytes);
  const auto name_bytes = static_cast<std::uint16_t>(codec.size());
  const std::uint64_t elements = layout.size();
  append_text(out, kMagic);
  append_value(out, kFormatVersion);
  append_value(out, name_bytes);
  append_text(out, codec);
  const auto nibble = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i < kDigestBytes; ++i)
    out.push_back(static_cast<std::byte>(nibble(layout.digest()[2 * i]) * 16 +
                                         nibble(layout.digest()[2 * i + 1])));
  append_value(out, elements);
}

Result<std::span<const std::byte>> check_update_header(std::span<const std::byte> bytes,
                                                       std::string_view codec,
                                                       const ParameterLayout& layout) {
  const auto truncated = [] {
    return fail(ErrorCode::kMalformed, "the update ends within its header");
  };
  ByteReader reader(bytes);
  std::span<const std::byte> magic, name, digest;
  if (!reader.take(kMagic.size(), magic)) return truncated();
  if (!equals(magic, kMagic)) return fail(ErrorCode::kMalformed, "not an encoded update");
  std::uint16_t version = 0, name_bytes = 0;
  if (!reader.read(version) || !reader.read(name_bytes)) return truncated();
  if (version != kFormatVersion)
    return fail(ErrorCode::kVersion, "update format version " + std::to_string(version));
  if (!reader.take(name_bytes, name)) return truncated();
  if (!equals(name, codec))
    return fail(ErrorCode::kMismatch, "the update is not encoded with " + std::string(codec));
  std::uint64_t elements = 0;
  if (!reader.take(kDigestBytes, digest) || !reader.read(elements)) return truncated();
  if (to_hex(digest) != layout.digest())
    return fail(ErrorCode::kMismatch, "the update has another layout");
  if (elements != layout.size())
    return fail(ErrorCode::kMalformed, "the update's element count contradicts its layout");
  return reader.rest();
}

}  // namespace fennec
