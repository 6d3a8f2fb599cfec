#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace fennec {

/// How hidden states are kept, rows of D values a token:
///  fp32  the same bits;
///  bf16  to nearest even;
///  int8  s·q with s = max |x| / 127 of the token: all scales in fp32, then all codes. A token with a
///        value that is not finite becomes NaN.
enum class StatePrecision { kFp32, kBf16, kInt8 };

/// A name of state_precision_names(); another: ConfigError.
StatePrecision state_precision(const std::string& name);

std::size_t encoded_bytes(StatePrecision precision, std::size_t tokens, std::size_t width);

/// @param states [T, D]  @param width  D
std::vector<std::byte> encode_states(StatePrecision precision, std::span<const float> states,
                                     std::size_t width);

/// @param bytes  encoded_bytes() of them  @param out [T, D]
void decode_states(StatePrecision precision, std::span<const std::byte> bytes, std::size_t width,
                   std::span<float> out);

}  // namespace fennec
