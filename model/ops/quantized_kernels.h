#pragma once
#include <cstdint>

namespace fennec {

/// The inner loops over quantised rows, in SIMD with run-time dispatch (Highway): no tensor library.
/// Every sum is in fp32 and in a fixed order on one kind of processor.

/// Rows of int8 values with an fp32 scale for each 64 columns.
struct Int8Rows {
  std::int64_t rows, columns;
  const std::int8_t* values;  ///< [rows, columns]
  const float* scales;        ///< [rows, ⌈columns/64⌉]
};

/// out = s·q.  @param out [rows, columns]
void int8_dequantize(const Int8Rows& w, float* out);
/// y = W·x.  @param x [columns]  @param y [rows]
void int8_multiply(const Int8Rows& w, const float* x, float* y);

/// Rows of int4 codes, two a byte, low nibble first, with fp16 scale and zero for each 64 columns.
struct Int4Rows {
  std::int64_t rows, columns;
  const std::uint8_t* packed;           ///< [rows, ⌈columns/2⌉]
  const std::uint16_t *scales, *zeros;  ///< [rows, ⌈columns/64⌉], fp16
};

/// out = z + s·q.  @param out [rows, columns]
void int4_dequantize(const Int4Rows& w, float* out);
/// y = W·x.  @param x [columns]  @param y [rows]
void int4_multiply(const Int4Rows& w, const float* x, float* y);

/// Two codes a byte, the earlier in the low nibble.  @param codes [count], one more if count is odd
inline void pack_nibbles(const std::uint8_t* codes, std::int64_t count, std::uint8_t* packed) {
  for (std::int64_t i = 0; i < count; i += 2)
    packed[i / 2] = static_cast<std::uint8_t>(codes[i] | codes[i + 1] << 4);
}

}  // namespace fennec
