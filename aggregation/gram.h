#pragma once
#include <span>
#include <vector>

#include "aggregation/adapter_set.h"
#include "core/parameter_set.h"

namespace fennec {

/// G[i, j] = ⟨ΔWᵢ, ΔWⱼ⟩ summed over the modules: all that rules weighing whole clients need. In the
/// space of products it does not depend on the gauge of the factors (BR, R⁻¹A). fp64.
Matrix product_gram(const AdapterSet& set);

/// Of the updates ΔWᵢ − ΔW_base, the base being the last of the set: G has one row less than the set.
Matrix product_gram_from_base(const AdapterSet& with_base);

/// G[i, j] = ⟨xᵢ, xⱼ⟩ of flat vectors of one length.
Matrix flat_gram(std::span<const std::span<const float>> vectors);

/// ‖xᵢ − xⱼ‖², never negative.
Matrix square_distances(const Matrix& gram);

}  // namespace fennec
