#pragma once
#include <Eigen/Core>

#include <span>
#include <vector>

namespace fennec {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

/// An update of one linear as factors, ΔW = b·a, LoRA's scale folded into b. b [out, r], a [r, in].
struct Factors {
  Matrix b, a;
  Eigen::Index rank() const { return a.rows(); }
};

// Products b·a are never formed here, unless they are smaller than their factors.

/// [b₁ … b_K]·[w₁a₁; …; w_Ka_K] = Σ wₖ·bₖaₖ: exact, rank Σ rₖ (FLoRA, arXiv 2409.05976).
Factors stack(std::span<const Factors> parts, std::span<const double> weights);

/// ⟨b₁a₁, b₂a₂⟩ = Σ (b₁ᵀb₂) ∘ (a₁a₂ᵀ): O(r₁r₂(out + in)).
double inner_product(const Factors& x, const Factors& y);
double frobenius_norm(const Factors& x);

/// b·a = u·diag(s)·vᵀ with s descending; min(rank, out, in) columns.
struct FactoredSvd {
  Matrix u;  ///< [out, q], orthonormal columns
  Vector s;
  Matrix v;  ///< [in, q], orthonormal columns
};

/// By QR of both factors and the SVD of the small matrix between them; of the product itself where the
/// rank exceeds its smaller side.
FactoredSvd factored_svd(const Factors& x);

/// The best approximation of this rank (Eckart–Young), balanced: b = u√s, a = √s·vᵀ. Zeros fill up when
/// the rank is larger than there are singular values.
Factors truncate(const FactoredSvd& svd, Eigen::Index rank);

/// √Σ_{i>rank} s²: what truncate() leaves out, in Frobenius norm.
double truncation_error(const FactoredSvd& svd, Eigen::Index rank);

/// The orthogonal R* that brings (bR, Rᵀa) closest to `target` (polar factor of bᵀb' + a·a'ᵀ), applied:
/// the same product in the gauge of `target`. Ranks must be equal.
Factors align(const Factors& x, const Factors& target);

}  // namespace fennec
