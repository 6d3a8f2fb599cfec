#include <Eigen/QR>

#include "aggregation/registry.h"
#include "core/error.h"

namespace fennec {
namespace {

constexpr double kInSpan = 1e-4;  // relative; a core times a basis in fp32 strays by about 1e-7

/// Fed-SB (Singhal et al., arXiv 2502.15436): ΔW = B·R·A with B and A common to all, R [r, r] trained
/// and averaged; exact. In PEFT's form a client's lora_B is B·Rₖ and its lora_A is A: the means of
/// those are the result, provided that the Bs lie in one space of r dimensions.
void require_common_factors(const AdapterSet& set) {
  if (const auto differs = differing_factor(set, Half::kA))
    throw ConfigError(differs->client + ": " + differs->module + ".lora_A is not that of " +
                      set.clients[0].name + "; fedsb needs one A for all");
  for (std::size_t m = 0; m < set.modules.size(); ++m) {
    const Matrix& first = set.clients[0].modules[m].b;
    Eigen::ColPivHouseholderQR<Matrix> qr(first);
    qr.setThreshold(kInSpan);
    // A B of zeros spans nothing, and Eigen reflects no empty matrix.
    Matrix basis(first.rows(), qr.rank());
    if (qr.rank() > 0) basis = qr.householderQ() * Matrix::Identity(first.rows(), qr.rank());
    for (const ClientAdapter& client : set.clients) {
      const Matrix& b = client.modules[m].b;
      if ((b - basis * (basis.transpose() * b)).norm() > kInSpan * b.norm())
        throw ConfigError(client.name + ": " + set.modules[m] + ".lora_B is not " +
                          set.clients[0].name +
                          "'s times an r × r core; fedsb averages the cores between common factors");
    }
  }
}

CombinedAdapter combine(const AdapterSet& set, const RuleRequest&) {
  require_equal_ranks(set, "fedsb");
  require_common_factors(set);
  CombinedAdapter out{mean_factors(set), {}, {}};
  for (std::size_t m = 0; m < set.modules.size(); ++m) out.modules[m].a = set.clients[0].modules[m].a;
  return out;
}

}  // namespace

StrategyParts fedsb_parts() { return {nullptr, combine}; }

}  // namespace fennec
