#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "aggregation/codec/byte_io.h"
#include "core/error.h"

namespace fennec {

/// Ascending positions as Rice-coded gaps: u8 parameter k, then for each gap (elements between one
/// position and the next) gap>>k ones, a zero and the k low bits, the lowest first; the last byte is
/// filled with zeros. About 5.8 bits a position when one element in twenty is sent.
void append_positions(std::vector<std::byte>& out, std::span<const std::uint32_t> positions);

/// `count` positions below `size`. kMalformed.
Result<std::vector<std::uint32_t>> read_positions(ByteReader& in, std::size_t count, std::size_t size);

}  // namespace fennec
