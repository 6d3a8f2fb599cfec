#include "transport/token_bucket.h"

#include <doctest/doctest.h>

#include "core/rng.h"

using namespace fennec;

TEST_CASE("never more than the burst at once, nor than burst + rate * time over any stretch") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    RandomStream random(Seed(seed).child("bucket"));
    const double rate = random.uniform(1, 50), burst = random.uniform(1, 20);
    TokenBucket bucket(rate, burst, from_seconds(0));
    double now = 0, taken = 0;
    for (int i = 0; i < 2000; ++i) {
      now += random.uniform() < 0.1 ? random.uniform(0, 3) : random.uniform(0, 0.01);
      if (bucket.take(from_seconds(now))) ++taken;
      CHECK(taken <= burst + rate * now + 1e-6);
    }
    CHECK(taken > 0);
  }
}

TEST_CASE("a bucket left alone fills to the burst and no further; what is granted comes on top") {
  TokenBucket bucket(10, 3, from_seconds(0));
  const TimePoint later = from_seconds(1000);
  bucket.grant(5, later);
  int taken = 0;
  while (bucket.take(later)) ++taken;
  CHECK(taken == 8);
  CHECK_FALSE(bucket.take(later + from_seconds(0.05)));
  CHECK(bucket.take(later + from_seconds(0.11)));
}
