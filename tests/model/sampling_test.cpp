#include "model/sampling.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/safetensors.h"
#include "model/generation_config.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using nlohmann::json;

namespace {

std::vector<float> floats(const Safetensors& file, const std::string& name) {
  const TensorView* view = file.find(name);
  REQUIRE(view);
  std::vector<float> values(view->element_count());
  REQUIRE(to_float(*view, values));
  return values;
}

SamplingConfig config_of(const json& entry) {
  SamplingConfig config;
  config.temperature = entry.value("temperature", 1.0);
  config.top_k = entry.value("top_k", 0);
  config.top_p = entry.value("top_p", 1.0);
  config.min_p = entry.value("min_p", 0.0);
  config.repetition_penalty = entry.value("rep", 1.0);
  return config;
}

using Ids = std::vector<TokenId>;

Ids kept(const std::vector<float>& logits, const SamplingConfig& config, const Ids& seen = {}) {
  Ids ids;
  double total = 0;
  for (const TokenProbability& token : next_token_distribution(logits, seen, config)) {
    ids.push_back(token.id);
    total += token.probability;
  }
  CHECK(total == doctest::Approx(1));
  return ids;
}

constexpr float kNever = -std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("sampling: every filter and their order, against the reference's probabilities") {
  FENNEC_NEEDS_SHARED("golden/sampling.json");
  const json cases = json::parse(read_text_file(test::shared("golden/sampling.json")));
  const Safetensors file = Safetensors::open(test::shared("golden/sampling.safetensors"));
  const auto logits = floats(file, "logits");
  const auto seen = cases["prev_ids"].get<Ids>();
  for (std::size_t i = 0; i < cases["cases"].size(); ++i) {
    const json& entry = cases["cases"][i];
    CAPTURE(entry.dump());
    const auto expected = floats(file, "probs." + std::to_string(i));
    std::vector<double> got(logits.size());
    const auto distribution = next_token_distribution(logits, seen, config_of(entry));
    CHECK(distribution.size() == entry["kept"].get<std::size_t>());
    for (const TokenProbability& token : distribution)
      got[static_cast<std::size_t>(token.id)] = token.probability;
    for (std::size_t id = 0; id < got.size(); ++id)
      CHECK(std::abs(got[id] - static_cast<double>(expected[id])) < 1e-6);
  }
}

TEST_CASE("sampling: ties at the k-th place stay, elsewhere the lower id is the more likely") {
  const std::vector<float> logits = {1, 3, 2, 2, 2, 0};
  CHECK(kept(logits, {.temperature = 1, .top_k = 2}) == Ids{1, 2, 3, 4});
  CHECK(kept(logits, {.temperature = 1, .top_k = 1}) == Ids{1});
  CHECK(kept({5, 5, 5, 5}, {.temperature = 1, .top_p = 0.5}) == Ids{0, 1});
  CHECK(kept({5, 5, 5, 5}, {.temperature = 1, .top_p = 1e-9}) == Ids{0});
  CHECK(kept({0, 1, kNever, std::nanf("")}, {.temperature = 1}) == Ids{0, 1});
  CHECK(Sampler({}, Seed(1)).choose(std::vector<float>{1, 4, 4, 4}, {}) == 1);
}

TEST_CASE("sampling: repetition counts once, and turns a greedy choice") {
  const std::vector<float> logits = {2, 1.9F, -1};
  Sampler greedy({.repetition_penalty = 1.2}, Seed(1));
  CHECK(greedy.choose(logits, {}) == 0);
  CHECK(greedy.choose(logits, Ids{0, 0, 0, 2}) == 1);
  const auto once = next_token_distribution(logits, Ids{2}, {.repetition_penalty = 2});
  const double z = std::exp(2) + std::exp(1.9F) + std::exp(-2);
  CHECK(once[2].probability == doctest::Approx(std::exp(-2) / z));
}

TEST_CASE("sampling: draws follow the distribution, and the seed") {
  const std::vector<float> logits = {0, 1, 2, -1, 0.5F};
  const SamplingConfig config{.temperature = 0.8, .top_k = 4};
  const auto expected = next_token_distribution(logits, {}, config);
  Sampler sampler(config, Seed(7).child("generate", 0));
  Sampler same(config, Seed(7).child("generate", 0)), other(config, Seed(7).child("generate", 1));
  std::map<TokenId, int> counts;
  constexpr int kDraws = 20000;
  int apart = 0;
  for (int i = 0; i < kDraws; ++i) {
    const TokenId id = sampler.choose(logits, {});
    CHECK(same.choose(logits, {}) == id);
    apart += other.choose(logits, {}) != id ? 1 : 0;
    ++counts[id];
  }
  CHECK(apart > kDraws / 4);
  CHECK(counts.size() == 4);
  double chi_square = 0;
  for (const TokenProbability& token : expected) {
    const double mean = kDraws * token.probability, gap = counts[token.id] - mean;
    chi_square += gap * gap / mean;
  }
  CHECK(chi_square < 16.3);  // 3 degrees of freedom, p = 0.001, for this one fixed seed
}

TEST_CASE("sampling: the first draws of a seed are these on every machine") {
  const std::vector<float> logits(16, 0.0F);  // equal: no exp() in the way
  Sampler sampler({.temperature = 1}, Seed(1).child("generate", 0));
  RandomStream stream(Seed(1).child("generate", 0));
  for (int i = 0; i < 100; ++i)
    CHECK(sampler.choose(logits, {}) == static_cast<TokenId>(stream.uniform() * 16));
}

TEST_CASE("sampling: what cannot be drawn from, or asked for, is refused") {
  CHECK_THROWS_AS(next_token_distribution(std::vector<float>{kNever, std::nanf("")}, {}, {}), IoError);
  CHECK_THROWS_AS(next_token_distribution(std::vector<float>{1, HUGE_VALF}, {}, {}), IoError);
  CHECK_THROWS_AS(Sampler({}, Seed(1)).choose(std::vector<float>{std::nanf("")}, {}), IoError);
  for (const SamplingConfig& bad :
       {SamplingConfig{.temperature = -1}, SamplingConfig{.temperature = HUGE_VAL},
        SamplingConfig{.top_k = -1}, SamplingConfig{.top_p = 0}, SamplingConfig{.top_p = 1.1},
        SamplingConfig{.min_p = -0.1}, SamplingConfig{.min_p = 2},
        SamplingConfig{.repetition_penalty = 0}})
    CHECK_THROWS_AS(check_sampling(bad), ConfigError);
}

TEST_CASE("generation_config: sampling defaults as Hugging Face reads them") {
  const test::TempDir dir;
  const auto read = [&](const char* text) {
    write_file_atomically(dir / "generation_config.json", text);
    return read_sampling_defaults(dir.path());
  };
  CHECK(read_sampling_defaults("/nonexistent").is_greedy());
  CHECK(read(R"({"temperature": 0.7, "top_k": 20})").is_greedy());
  const SamplingConfig bare = read(R"({"do_sample": true})");
  CHECK(bare.temperature == 1);
  CHECK(bare.top_k == 50);
  const SamplingConfig qwen = read(
      R"({"do_sample": true, "temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.05})");
  CHECK(qwen.temperature == 0.7);
  CHECK(qwen.top_p == 0.8);
  CHECK(qwen.top_k == 20);
  CHECK(qwen.repetition_penalty == 1.05);
  CHECK_THROWS_AS(read("[]"), IoError);
  CHECK_THROWS_AS(read(R"({"do_sample": 1})"), IoError);
  CHECK_THROWS_AS(read(R"({"do_sample": true, "top_p": "x"})"), IoError);
  CHECK_THROWS_AS(read(R"({"do_sample": true, "top_p": 7})"), IoError);
}
