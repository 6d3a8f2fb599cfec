#pragma once
#include <memory>

#include "model/quantized_matrix.h"

namespace fennec {

/// Asymmetric int4 in groups of 64 columns: w ≈ z + s·q, q = 0 … 15, z and s in fp16; 4.5 bits
/// a weight. z = min and s = (max − min)/15, unless a range up to a tenth shorter at either end gives a
/// smaller squared error. Two columns a byte, the earlier one in the low nibble.
/// Throws IoError when a weight is beyond fp16's range.
std::shared_ptr<const QuantizedMatrix> quantize_int4(std::int64_t rows, std::int64_t columns,
                                                     const RowReader& read);

}  // namespace fennec
