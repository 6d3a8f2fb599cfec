#include "privacy/secagg_degree.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <fmt/format.h>

#include "privacy/secagg_graph.h"

namespace fennec {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();
constexpr double kBit = 0.69314718055994530942;  // ln 2

/// ⌊part·n⌋, forgiving the last bit of a product such as 0.33 · 100.
std::int64_t part_of(double part, std::uint32_t n) {
  return static_cast<std::int64_t>(std::floor(part * n + 1e-9));
}

/// ln(n!), tabulated.
class LogFactorials {
 public:
  explicit LogFactorials(std::int64_t n) : table_(static_cast<std::size_t>(n) + 1, 0.0) {
    for (std::size_t i = 2; i < table_.size(); ++i)
      table_[i] = table_[i - 1] + std::log(static_cast<double>(i));
  }
  double choose(std::int64_t n, std::int64_t k) const {
    if (k < 0 || k > n) return kNever;
    return at(n) - at(k) - at(n - k);
  }
  /// ln Pr[i of `draws` are marked], drawing without replacement from `all` with `marked` marked.
  double hypergeometric(std::int64_t all, std::int64_t marked, std::int64_t draws,
                        std::int64_t i) const {
    return choose(marked, i) + choose(all - marked, draws - i) - choose(all, draws);
  }

 private:
  double at(std::int64_t n) const { return table_[static_cast<std::size_t>(n)]; }
  std::vector<double> table_;
};

double log_add(double a, double b) {
  const double high = std::max(a, b), low = std::min(a, b);
  return high == kNever ? kNever : high + std::log1p(std::exp(low - high));
}

class Search {
 public:
  explicit Search(const SecAggAssumptions& a)
      : n_(a.cohort),
        corrupt_(part_of(a.corrupt, a.cohort)),
        dropped_(part_of(a.dropouts, a.cohort)),
        secure_(-(a.security_bits + 1) * kBit),
        live_(-a.liveness_bits * kBit),
        semi_malicious_(a.adversary == SecAggAdversary::kSemiMalicious),
        factorials_(n_) {}

  std::optional<SecAggDegree> at(std::int64_t k) const {
    if (!is_connected(k)) return std::nullopt;
    const std::int64_t lowest = secret_from(k), highest = live_to(k);
    if (lowest > k || lowest > highest) return std::nullopt;
    return SecAggDegree{static_cast<std::uint32_t>(k), static_cast<std::uint32_t>(lowest),
                        static_cast<std::uint32_t>(highest)};
  }

 private:
  /// Cutting a Harary ring takes two runs of k/2 removed nodes: union bound over pairs of runs.
  bool is_connected(std::int64_t k) const {
    const std::int64_t gone = corrupt_ + dropped_;
    if (k >= n_ - 1 || k > gone) return true;
    const double pairs = std::log(static_cast<double>(n_) * static_cast<double>(n_ - k - 1) / 2);
    return pairs + factorials_.choose(n_ - k, gone - k) - factorials_.choose(n_, gone) < secure_;
  }

  /// The smallest t that keeps every secret: n·Pr[corrupt neighbours ≥ t], or with a server that lies
  /// about dropouts n·Pr[2t ≤ k + corrupt neighbours]. k + 1 when there is none.
  std::int64_t secret_from(std::int64_t k) const {
    double tail = std::log(static_cast<double>(n_)) + kNever;
    std::int64_t enough = k + 1;  // corrupt neighbours that open a secret, as many as still likely
    for (std::int64_t i = k; i >= 0; --i) {
      tail = log_add(
          tail, std::log(static_cast<double>(n_)) + factorials_.hypergeometric(n_ - 1, corrupt_, k, i));
      if (!(tail <= secure_)) break;
      enough = i;
    }
    // kept: Pr[X ≥ enough]; so t ≥ enough, or 2t > k + enough − 1
    const std::int64_t lowest = semi_malicious_ ? (k + enough - 1) / 2 + 1 : enough;
    return std::max<std::int64_t>(lowest, 1);
  }

  /// The largest t with n·Pr[surviving neighbours < t] ≤ 2^−η.
  std::int64_t live_to(std::int64_t k) const {
    double tail = kNever;
    std::int64_t t = 0;
    while (t < k) {
      tail = log_add(tail, std::log(static_cast<double>(n_)) +
                               factorials_.hypergeometric(n_ - 1, n_ - 1 - dropped_, k, t));
      if (!(tail <= live_)) break;
      ++t;
    }
    return t;
  }

  std::int64_t n_, corrupt_, dropped_;
  double secure_, live_;
  bool semi_malicious_;
  LogFactorials factorials_;
};

}  // namespace

std::optional<SecAggDegree> search_degree(const SecAggAssumptions& assumptions) {
  if (assumptions.cohort < 2) return std::nullopt;
  const Search search(assumptions);
  const std::int64_t most = std::int64_t{assumptions.cohort} - 1;
  for (std::int64_t k = 2; k < most; k += 2)
    if (const auto found = search.at(k)) return found;
  return search.at(most);
}

std::optional<SecAggDegree> complete_degree(const SecAggAssumptions& assumptions) {
  if (assumptions.cohort < 2) return std::nullopt;
  const std::int64_t k = std::int64_t{assumptions.cohort} - 1;
  const std::int64_t t = (k + part_of(assumptions.corrupt, assumptions.cohort)) / 2 + 1;
  const std::int64_t highest = k - part_of(assumptions.dropouts, assumptions.cohort);
  if (t > highest) return std::nullopt;
  return SecAggDegree{static_cast<std::uint32_t>(k), static_cast<std::uint32_t>(t),
                      static_cast<std::uint32_t>(highest)};
}

Result<SecAggDegree> choose_degree(const SecAggAssumptions& assumptions) {
  const auto found = assumptions.cohort <= kCompleteGraphUpTo ? complete_degree(assumptions)
                                                              : search_degree(assumptions);
  if (found) return *found;
  return fail(ErrorCode::kMismatch,
              fmt::format("a cohort of {} cannot withstand {:g} corrupt and {:g} dropped out at once: "
                          "lower one of them, or take a larger cohort",
                          assumptions.cohort, assumptions.corrupt, assumptions.dropouts));
}

}  // namespace fennec
