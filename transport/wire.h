#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "core/error.h"
#include "transport/messages.h"

namespace fennec {

/// A message and its payload: what one ZeroMQ multipart (header frame, optional payload frame) carries.
struct Frame {
  Message message;
  std::vector<std::byte> payload;
};

inline constexpr std::size_t kMaxHeaderBytes = 64 * 1024;

/// CBOR map with "type" and "protocol"; docs/protocol.md lists the fields of each type.
std::vector<std::byte> encode_header(const Message& message);

/// kMalformed naming the field (truncated, oversized, wrong type, out of range, unknown type),
/// kVersion. Unknown extra fields are ignored. Depth and string lengths are bounded before anything is
/// allocated.
Result<Message> decode_header(std::span<const std::byte> bytes);

}  // namespace fennec
