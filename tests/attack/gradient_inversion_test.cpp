// What one device's update gives away. LoRA on a linear layer with one-hot input (an embedding): the
// gradient of A is s·UᵀX (Hu et al. 2021), so its columns that are not zero are the tokens of the text;
// with one token the rows are multiples of the input itself (Phong et al. 2017, Geiping et al. 2020).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "core/parameter_math.h"
#include "core/rng.h"
#include "privacy/clip.h"
#include "privacy/grid_sum.h"

using namespace fennec;

namespace {

constexpr std::size_t kVocabulary = 512, kRank = 8, kTokens = 6;

/// A device's text and the delta of A [R, vocabulary] that one step of SGD on it makes, clipped to 1.
struct Device {
  std::set<std::size_t> tokens;
  ParameterSet delta;
};

Device train_on_text(std::uint64_t which) {
  RandomStream random(Seed(31).child("text", which));
  Device out{{},
             ParameterSet(std::make_shared<const ParameterLayout>(
                 std::vector<std::pair<std::string, std::vector<std::int64_t>>>{
                     {"A", {kRank, kVocabulary}}}))};
  while (out.tokens.size() < kTokens) out.tokens.insert(random.below(kVocabulary));
  for (const std::size_t token : out.tokens)
    for (std::size_t r = 0; r < kRank; ++r)
      out.delta.values()[r * kVocabulary + token] = static_cast<float>(random.normal());
  REQUIRE(clip_l2(out.delta, 1));
  return out;
}

/// The attack: the columns of the largest norm.
std::set<std::size_t> read_tokens(std::span<const float> delta) {
  std::vector<double> norms(kVocabulary, 0);
  for (std::size_t i = 0; i < delta.size(); ++i)
    norms[i % kVocabulary] += static_cast<double>(delta[i]) * static_cast<double>(delta[i]);
  std::vector<std::size_t> order(kVocabulary);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return norms[a] > norms[b]; });
  return {order.begin(), order.begin() + kTokens};
}

double share_found(const std::set<std::size_t>& guessed, const std::set<std::size_t>& truth) {
  std::vector<std::size_t> both;
  std::set_intersection(guessed.begin(), guessed.end(), truth.begin(), truth.end(),
                        std::back_inserter(both));
  return static_cast<double>(both.size()) / static_cast<double>(truth.size());
}

}  // namespace

TEST_CASE("gradient inversion: an update without protection is the text it was trained on") {
  for (std::uint64_t i = 0; i < 50; ++i) {
    const Device device = train_on_text(i);
    CHECK(share_found(read_tokens(std::as_const(device.delta).values()), device.tokens) == 1);
  }
}

TEST_CASE("gradient inversion: with local noise nothing better than chance comes of it") {
  double found = 0;
  constexpr int kTrials = 200;
  for (std::uint64_t i = 0; i < kTrials; ++i) {
    Device device = train_on_text(i);
    SeededRandom noise(Seed(32).child("noise", i));
    add_grid_noise(device.delta.values(), 2.0, noise);  // noise multiplier 2
    found += share_found(read_tokens(std::as_const(device.delta).values()), device.tokens);
  }
  const double chance = static_cast<double>(kTokens) / kVocabulary;
  CHECK(found / kTrials < chance + 5 * std::sqrt(chance / (kTrials * kTokens)));
}

TEST_CASE("gradient inversion: from a sum the texts still show, with central noise they do not") {
  constexpr std::size_t kDevices = 10;
  const auto attack = [&](double noise_multiplier) {
    double found = 0;
    constexpr int kTrials = 40;
    for (std::uint64_t trial = 0; trial < kTrials; ++trial) {
      const NoiseGrid grid(noise_multiplier);
      GridSum sum(grid, kRank * kVocabulary);
      std::set<std::size_t> all;
      for (std::uint64_t i = 0; i < kDevices; ++i) {
        const Device device = train_on_text(1000 * trial + i);
        all.insert(device.tokens.begin(), device.tokens.end());
        sum.add(std::as_const(device.delta).values());
      }
      SeededRandom noise(Seed(33).child("noise", trial));
      std::vector<float> released(kRank * kVocabulary);
      std::move(sum).release(noise, kDevices, released);
      const std::set<std::size_t> guessed = read_tokens(released);
      std::size_t right = 0;
      for (const std::size_t token : guessed) right += all.contains(token);
      found += static_cast<double>(right) / kTokens;
    }
    return found / kTrials;
  };
  CHECK(attack(1e-6) > 0.99);  // a plain sum protects nobody's words
  const double chance = static_cast<double>(kDevices * kTokens) / kVocabulary;  // at most: words repeat
  CHECK(attack(2) < chance + 5 * std::sqrt(chance / (40.0 * kTokens)));
}

TEST_CASE("gradient inversion: one token's input, to the direction, until noise comes on top") {
  constexpr std::size_t kWidth = 256;
  RandomStream random(Seed(34));
  std::vector<double> x(kWidth), u(kRank);
  for (double& value : x) value = random.normal();
  for (double& value : u) value = random.normal();
  ParameterSet delta(std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"A", {kRank, kWidth}}}));
  for (std::size_t r = 0; r < kRank; ++r)
    for (std::size_t i = 0; i < kWidth; ++i)
      delta.values()[r * kWidth + i] = static_cast<float>(u[r] * x[i]);
  REQUIRE(clip_l2(delta, 1));
  const auto cosine = [&](std::span<const float> a) {  // of the row of largest norm and x
    std::size_t best = 0;
    for (std::size_t r = 1; r < kRank; ++r)
      if (l2_norm(a.subspan(r * kWidth, kWidth)) > l2_norm(a.subspan(best * kWidth, kWidth))) best = r;
    double dot = 0, square = 0;
    for (std::size_t i = 0; i < kWidth; ++i) {
      dot += static_cast<double>(a[best * kWidth + i]) * x[i];
      square += x[i] * x[i];
    }
    return std::abs(dot) / (l2_norm(a.subspan(best * kWidth, kWidth)) * std::sqrt(square));
  };
  CHECK(cosine(std::as_const(delta).values()) > 0.9999);
  SeededRandom noise(Seed(35));
  add_grid_noise(delta.values(), 1.0, noise);
  CHECK(cosine(std::as_const(delta).values()) < 5 / std::sqrt(kWidth));
}
