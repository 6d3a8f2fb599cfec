#pragma once
#include <complex>
#include <vector>

namespace fennec {

/// In-place discrete Fourier transform, radix 2; the size is a power of two. The inverse divides by the
/// size.
void fourier_transform(std::vector<std::complex<double>>& values, bool inverse);

}  // namespace fennec
