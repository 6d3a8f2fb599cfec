// Every registered codec stage, and some compositions, obey these.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "aggregation/codec.h"
#include "aggregation/codec_config.h"
#include "core/parameter_math.h"
#include "tests/laws/support.h"

using namespace fennec;
using namespace fennec::test;

namespace {

template <class Law>
void for_every_codec(Law law) {
  for (const std::string& name : codec_names()) {
    CAPTURE(name);
    law(*make_codec(name), name);
  }
}

/// Enough for several blocks of a quantizer, and not a multiple of one.
LayoutPtr wide_layout() { return lora_layout({{"model.layers.0.mlp.up_proj", 33, 57}}, 5); }

bool selects(const std::string& name) { return parse_codec(name)->find(CodecStep::kSelect) != nullptr; }

}  // namespace

TEST_CASE("law: a codec reports the name it was asked for") {
  REQUIRE(codec_names().size() > 8);
  for_every_codec(
      [](const UpdateCodec& codec, const std::string& name) { CHECK(codec.name() == name); });
}

TEST_CASE("law: what decodes is no farther from x than nothing at all would be") {
  for_every_codec([](const UpdateCodec& codec, const std::string& name) {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      const ParameterSet delta = contribution(wide_layout(), seed, "a", 1).delta.clone();
      const auto once = codec.decode(codec.encode(delta, {Seed(seed), Seed(seed + 1)}), delta.layout());
      REQUIRE(once);
      ParameterSet lost(delta.layout());
      subtract(delta.values(), once->values(), lost.values());
      CHECK(l2_norm(std::as_const(lost).values()) <= l2_norm(delta.values()));
      if (name == "fp32" || name == "zstd") CHECK(same_bytes(*once, delta));
    }
  });
}

TEST_CASE("law: zeros stay zeros, and the same delta and seeds give the same bytes") {
  for_every_codec([](const UpdateCodec& codec, const std::string&) {
    const ParameterSet zero(law_layout());
    CHECK(codec.encode(zero) == codec.encode(zero));
    const auto back = codec.decode(codec.encode(zero), zero.layout());
    REQUIRE(back);
    for (const float v : back->values()) CHECK(v == 0.0F);
    const ParameterSet delta = contribution(wide_layout(), 3, "a", 1).delta.clone();
    CHECK(codec.encode(delta, {Seed(1), Seed(2)}) == codec.encode(delta, {Seed(1), Seed(2)}));
  });
}

TEST_CASE("law: truncation at every byte, and a byte too many, are refused") {
  for_every_codec([](const UpdateCodec& codec, const std::string&) {
    const ParameterSet delta = contribution(wide_layout(), 5, "a", 1).delta.clone();
    std::vector<std::byte> bytes = codec.encode(delta);
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      CAPTURE(n);
      const auto decoded = codec.decode(std::span(bytes).first(n), delta.layout());
      REQUIRE_FALSE(decoded);
      CHECK(decoded.error().code == ErrorCode::kMalformed);
    }
    bytes.push_back(std::byte{0});
    CHECK(codec.decode(bytes, delta.layout()).error().code == ErrorCode::kMalformed);
  });
}

TEST_CASE("law: the wrong layout is a mismatch, whatever its size") {
  for_every_codec([](const UpdateCodec& codec, const std::string&) {
    const ParameterSet delta = contribution(law_layout(), 5, "a", 1).delta.clone();
    for (const std::int64_t size : {1, 23, 100}) {
      const auto other = std::make_shared<const ParameterLayout>(
          std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"other", {size}}});
      CHECK(codec.decode(codec.encode(delta), other).error().code == ErrorCode::kMismatch);
    }
  });
}

TEST_CASE("law: a flipped bit in the header never decodes, elsewhere never gives what is not finite") {
  for_every_codec([](const UpdateCodec& codec, const std::string& name) {
    const ParameterSet delta = contribution(law_layout(), 5, "a", 1).delta.clone();
    const std::vector<std::byte> good = codec.encode(delta);
    const std::size_t header = 4 + 2 + 2 + name.size() + 32 + 8;
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
      std::vector<std::byte> bad = good;
      bad[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
      const auto decoded = codec.decode(bad, delta.layout());
      if (bit / 8 < header) CHECK_FALSE(decoded);
      if (decoded) CHECK(all_finite(decoded->values()));
    }
  });
}

TEST_CASE("law: NaN and Inf are refused by the receiver") {
  for_every_codec([](const UpdateCodec& codec, const std::string&) {
    for (const float poison :
         {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      ParameterSet delta = contribution(law_layout(), 5, "a", 1).delta.clone();
      delta.values()[2] = poison;
      CHECK(codec.decode(codec.encode(delta), delta.layout()).error().code == ErrorCode::kNumeric);
    }
  });
}

TEST_CASE("law: what error feedback has sent and still holds is all there was") {
  for_every_codec([](const UpdateCodec& codec, const std::string&) {
    const LayoutPtr layout = wide_layout();
    ParameterSet error;
    std::vector<double> sent(layout->size(), 0), wanted(layout->size(), 0);
    for (std::uint64_t round = 1; round <= 8; ++round) {
      const ParameterSet delta = contribution(layout, round, "a", 1).delta.clone();
      const auto decoded = codec.decode(
          encode_with_feedback(codec, delta, error, {Seed(round), Seed(round + 100)}), layout);
      REQUIRE(decoded);
      for (std::size_t i = 0; i < sent.size(); ++i) {
        sent[i] += static_cast<double>(decoded->values()[i]);
        wanted[i] += static_cast<double>(delta.values()[i]);
      }
    }
    CHECK(error.empty() != codec.keeps_error());
    if (error.empty()) return;
    for (std::size_t i = 0; i < sent.size(); ++i)
      CHECK(sent[i] + static_cast<double>(std::as_const(error).values()[i]) ==
            doctest::Approx(wanted[i]).epsilon(1e-4));
  });
}

TEST_CASE("law: what decodes keeps to the norm that was asked for") {
  for_every_codec([](const UpdateCodec& codec, const std::string& name) {
    const ParameterSet delta = contribution(wide_layout(), 9, "a", 1).delta.clone();
    for (const double share : {1.0, 0.5}) {
      ParameterSet error;
      const double limit = share * l2_norm(delta.values());
      const auto decoded = codec.decode(
          encode_with_feedback(codec, delta, error, {Seed(1), Seed(2)}, limit), delta.layout());
      REQUIRE(decoded);
      CHECK(l2_norm(decoded->values()) <= limit);
      if (!selects(name)) CHECK(l2_norm(decoded->values()) > 0.7 * limit);
    }
  });
}
