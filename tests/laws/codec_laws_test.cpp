// Every registered codec obeys these.
#include <doctest/doctest.h>

#include <cstring>
#include <limits>

#include "aggregation/codec.h"
#include "tests/laws/support.h"

using namespace fennec;
using namespace fennec::test;

TEST_CASE("law: a codec reports its registered name") {
  REQUIRE_FALSE(codec_names().empty());
  for (const std::string& name : codec_names()) CHECK(make_codec(name)->name() == name);
}

TEST_CASE("law: decode(encode(x)) is close to x, and encoding it again changes nothing") {
  for (const std::string& name : codec_names()) {
    CAPTURE(name);
    const auto codec = make_codec(name);
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const ParameterSet delta = contribution(law_layout(), seed, "a", 1).delta.clone();
      const auto once = codec->decode(codec->encode(delta), delta.layout());
      REQUIRE(once);
      for (std::size_t i = 0; i < delta.size(); ++i)
        CHECK(once->values()[i] == doctest::Approx(delta.values()[i]).epsilon(0.1));
      if (name == "fp32") CHECK(same_bytes(*once, delta));
    }
  }
}

TEST_CASE("law: zeros stay zeros, and the same delta gives the same bytes") {
  for (const std::string& name : codec_names()) {
    CAPTURE(name);
    const auto codec = make_codec(name);
    const ParameterSet zero(law_layout());
    CHECK(codec->encode(zero) == codec->encode(zero));
    const auto back = codec->decode(codec->encode(zero), zero.layout());
    REQUIRE(back);
    for (const float v : back->values()) CHECK(v == 0.0F);
  }
}

TEST_CASE("law: truncation at every byte, and a byte too many, are refused") {
  for (const std::string& name : codec_names()) {
    CAPTURE(name);
    const auto codec = make_codec(name);
    const ParameterSet delta = contribution(law_layout(), 5, "a", 1).delta.clone();
    std::vector<std::byte> bytes = codec->encode(delta);
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      CAPTURE(n);
      const auto decoded = codec->decode(std::span(bytes).first(n), delta.layout());
      REQUIRE_FALSE(decoded);
      CHECK(decoded.error().code == ErrorCode::kMalformed);
    }
    bytes.push_back(std::byte{0});
    CHECK(codec->decode(bytes, delta.layout()).error().code == ErrorCode::kMalformed);
  }
}

TEST_CASE("law: the wrong layout is a mismatch, whatever its size") {
  for (const std::string& name : codec_names()) {
    CAPTURE(name);
    const auto codec = make_codec(name);
    const ParameterSet delta = contribution(law_layout(), 5, "a", 1).delta.clone();
    for (const std::int64_t size : {1, 23, 100}) {
      const auto other = std::make_shared<const ParameterLayout>(
          std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"other", {size}}});
      CHECK(codec->decode(codec->encode(delta), other).error().code == ErrorCode::kMismatch);
    }
  }
}

TEST_CASE("law: a flipped bit in the header never decodes, elsewhere never crashes") {
  for (const std::string& name : codec_names()) {
    CAPTURE(name);
    const auto codec = make_codec(name);
    const ParameterSet delta = contribution(law_layout(), 5, "a", 1).delta.clone();
    const std::vector<std::byte> good = codec->encode(delta);
    const std::size_t header = 4 + 2 + 2 + name.size() + 32 + 8;
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
      std::vector<std::byte> bad = good;
      bad[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
      const auto decoded = codec->decode(bad, delta.layout());
      if (bit / 8 < header) CHECK_FALSE(decoded);
    }
  }
}

TEST_CASE("law: NaN and Inf are refused by the receiver") {
  for (const std::string& name : codec_names()) {
    CAPTURE(name);
    const auto codec = make_codec(name);
    for (const float poison :
         {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      ParameterSet delta = contribution(law_layout(), 5, "a", 1).delta.clone();
      delta.values()[2] = poison;
      CHECK(codec->decode(codec->encode(delta), delta.layout()).error().code == ErrorCode::kNumeric);
    }
  }
}
