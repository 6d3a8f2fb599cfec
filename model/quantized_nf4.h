#pragma once
#include <array>
#include <memory>

#include "model/quantized_matrix.h"

namespace fennec {

/// The 16 values of NF4 (QLoRA, arXiv 2305.14314, appendix E): quantiles of the normal distribution
/// scaled to [−1, 1], with an exact zero.
const std::array<float, 16>& nf4_codebook();

enum class DoubleQuant { kOff, kOn };

/// NF4 in groups of 64 columns: w ≈ c·codebook[q], c = max|w|. With double quantisation the c's, less
/// their mean, are int8 in blocks of 256 with one fp32 scale: 4.13 bits a weight. Nibbles as int4's.
std::shared_ptr<const QuantizedMatrix> quantize_nf4(std::int64_t rows, std::int64_t columns,
                                                    const RowReader& read,
                                                    DoubleQuant scales = DoubleQuant::kOn);

}  // namespace fennec
