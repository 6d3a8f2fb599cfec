#include "privacy/accounting/fourier.h"

#include <bit>
#include <numbers>

#include "core/error.h"

namespace fennec {

namespace {

void reverse_bits(std::vector<std::complex<double>>& values) {
  for (std::size_t i = 1, j = 0; i < values.size(); ++i) {
    std::size_t bit = values.size() / 2;
    for (; j & bit; bit /= 2) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(values[i], values[j]);
  }
}

}  // namespace

void fourier_transform(std::vector<std::complex<double>>& values, bool inverse) {
  const std::size_t size = values.size();
  FENNEC_CHECK(std::has_single_bit(size));
  if (size == 1) return;
  reverse_bits(values);
  // Each root from its own sine and cosine: a running product would lose digits over 2²⁰ points.
  std::vector<std::complex<double>> roots(size / 2);
  const double turn = (inverse ? 2 : -2) * std::numbers::pi / static_cast<double>(size);
  for (std::size_t k = 0; k < roots.size(); ++k)
    roots[k] = std::polar(1.0, turn * static_cast<double>(k));
  for (std::size_t half = 1; half < size; half *= 2) {
    const std::size_t stride = size / (2 * half);
    for (std::size_t start = 0; start < size; start += 2 * half)
      for (std::size_t k = 0; k < half; ++k) {
        const std::complex<double> a = values[start + k], w = roots[k * stride];
        const std::complex<double> v = values[start + k + half];
        // Written out: operator* of complex checks for NaN and is several times slower.
        const std::complex<double> b(v.real() * w.real() - v.imag() * w.imag(),
                                     v.real() * w.imag() + v.imag() * w.real());
        values[start + k] = a + b;
        values[start + k + half] = a - b;
      }
  }
  if (inverse)
    for (std::complex<double>& value : values) value /= static_cast<double>(size);
}

}  // namespace fennec
