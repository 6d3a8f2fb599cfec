#pragma once
#include <memory>

#include "model/quantized_matrix.h"

namespace fennec {

/// Symmetric int8 in groups of 64 columns: w ≈ s·q, s = max|w|/127 in fp32; 8.5 bits a weight.
std::shared_ptr<const QuantizedMatrix> quantize_int8(std::int64_t rows, std::int64_t columns,
                                                     const RowReader& read);

}  // namespace fennec
