#include "privacy/random_source.h"

#include <doctest/doctest.h>

#include <vector>

#include "core/error.h"

using namespace fennec;

namespace {

std::vector<std::byte> take(RandomSource& source, std::size_t count) {
  std::vector<std::byte> out(count);
  source.fill(out);
  return out;
}

}  // namespace

TEST_CASE("random sources: a key and a label give the same bytes, however they are asked for") {
  SecretKey key;
  key.bytes()[0] = std::byte{1};
  KeyedRandom once(key, "round 1"), parts(key, "round 1"), other(key, "round 2");
  const std::vector<std::byte> whole = take(once, 100);
  std::vector<std::byte> joined = take(parts, 33);
  for (const std::byte byte : take(parts, 67)) joined.push_back(byte);
  CHECK(joined == whole);
  CHECK(take(other, 100) != whole);
  key.bytes()[31] = std::byte{1};
  KeyedRandom another(key, "round 1");
  CHECK(take(another, 100) != whole);
  SeededRandom seeded(Seed(3)), again(Seed(3)), different(Seed(4));
  const std::vector<std::byte> drawn = take(seeded, 50);
  CHECK(take(again, 50) == drawn);
  CHECK(take(different, 50) != drawn);
}

TEST_CASE("random sources: the system's gives new bytes each time, and its failure stops the release") {
  SystemRandom random;
  CHECK(take(random, 32) != take(random, 32));
  CHECK_FALSE(equal_in_constant_time(random_key().bytes(), random_key().bytes()));
  SystemRandom broken([](unsigned char*, int) { return 0; });
  CHECK_THROWS_AS(take(broken, 32), IoError);
}
