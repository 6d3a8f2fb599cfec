#pragma once

namespace fennec {

/// RDP at one order, in nats, of the Gaussian mechanism on a Poisson sample (Mironov, Talwar, Zhang,
/// arXiv 1908.10530, sec. 3.3); neighbours differ by adding or removing one unit. Fractional orders use
/// the series with its signs, so the value is exact up to rounding, not a bound.
/// @param sampling_rate  q, 0 to 1; 1 = no sampling
/// @param noise_multiplier  std over L2 sensitivity; 0 gives +∞
double sampled_gaussian_rdp(double sampling_rate, double noise_multiplier, double order);

}  // namespace fennec
