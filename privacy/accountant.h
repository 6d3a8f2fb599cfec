#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fennec {

/// How releases add up to an ε. kRdp: Rényi DP, any mixture. kPld: privacy loss distributions, tighter.
/// kZcdp: concentrated DP, without sampling.
enum class Accounting { kRdp, kPld, kZcdp };
Accounting accounting_of(std::string_view name);  ///< "rdp", "pld", "zcdp"; else ConfigError
std::string_view to_string(Accounting accounting);

/// The same noised release several times over.
struct Releases {
  double sampling_rate = 1;     ///< q of Poisson sampling; 1 = no amplification claimed
  double noise_multiplier = 0;  ///< std over L2 sensitivity
  std::int64_t count = 1;
  bool tree = false;  ///< prefix sums from a binary tree over all `count` of them; sampling_rate is 1
  bool operator==(const Releases&) const = default;
};

struct EpsilonBound {
  double epsilon = 0;  ///< +∞ when nothing is guaranteed
  double order = 0;    ///< the Rényi order it comes from; 0 where there is none
};

/// The least ε of everything released together, for neighbours that differ by one unit added or
/// removed. ConfigError when the accounting does not cover it: zCDP with sampling or PLD of a mixture.
EpsilonBound epsilon_bound(Accounting accounting, const std::vector<Releases>& releases, double delta);

/// What an ε means; shown wherever one is.
struct PrivacyStatement {
  std::string unit;          ///< what one neighbour has more than the other
  std::string neighbouring;  ///< add or remove one …
  std::string sampling;      ///< what the amplification, or its absence, assumes
  std::string adversary;     ///< against whom
};
PrivacyStatement statement_of(const std::string& mechanism, const std::string& unit, bool poisson);

}  // namespace fennec
