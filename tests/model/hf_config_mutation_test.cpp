// The property of the fuzzer over its seeds with values and bytes replaced at random.
#include "tests/support/doctest_torch.h"

#include <iterator>

#include "core/files.h"
#include "core/rng.h"
#include "core/safetensors.h"
#include "fuzz/hf_config_property.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace fennec;

constexpr const char* kValues[] = {"0",     "-1",  "1e-300", "1e300", "2147483647",
                                   "9e18",  "0.5", "1.0",    "null",  "true",
                                   "\"x\"", "[]",  "{}",     "[1]",   "3"};

/// Replaces one value after a colon, or one byte.
std::string mutate(std::string text, RandomStream& draw) {
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(draw.below(n)); };
  if (draw.below(4) == 0) {
    text[below(text.size())] = static_cast<char>(draw.below(256));
    return text;
  }
  std::vector<std::size_t> colons;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == ':') colons.push_back(i + 1);
  if (colons.empty()) return text;
  const std::size_t begin = colons[below(colons.size())];
  const std::size_t end = std::min(text.find_first_of(",}]", begin), text.size());
  return text.replace(begin, end - begin, kValues[below(std::size(kValues))]);
}

}  // namespace

TEST_CASE("hf config: changed configurations describe a model or are refused, never anything else") {
  const test::TempDir dir;
  write_file_atomically(dir / "model.safetensors", write_safetensors({}));
  int seeds = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(FENNEC_SOURCE) /
                                                               "fuzz/seeds/hf_config")) {
    CAPTURE(entry.path().string());
    const std::string seed = read_text_file(entry.path());
    RandomStream draw(Seed(21).child(entry.path().filename().string()));
    CHECK_NOTHROW(fuzz::check_hf_config(seed, dir.path()));
    for (int i = 0; i < 400; ++i) {
      std::string text = seed;
      for (std::uint64_t changes = 1 + draw.below(3); changes > 0; --changes) text = mutate(text, draw);
      CAPTURE(text);
      CHECK_NOTHROW(fuzz::check_hf_config(text, dir.path()));
    }
    ++seeds;
  }
  CHECK(seeds >= 6);
}
