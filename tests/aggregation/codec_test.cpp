#include "aggregation/codec.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "aggregation/codec/bf16.h"
#include "aggregation/codec/rice.h"
#include "aggregation/codec_config.h"
#include "core/parameter_math.h"
#include "tests/laws/support.h"

using namespace fennec;
using namespace fennec::test;

namespace {

LayoutPtr flat_layout(std::int64_t size) {
  return std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"x", {size}}});
}

std::size_t header_bytes(const std::string& name) { return 4 + 2 + 2 + name.size() + 32 + 8; }

ParameterSet normal(std::int64_t size, std::uint64_t seed) {
  ParameterSet out(flat_layout(size));
  fill_normal(Seed(seed), out.values(), 1e-3F);
  return out;
}

std::string problem(const std::string& spec) {
  const auto parsed = parse_codec(spec);
  return parsed ? "accepted" : parsed.error().message;
}

}  // namespace

TEST_CASE("codec: a spec names stages in order, with parameters in their range") {
  CHECK(problem("topk(0.05)+int8+zstd") == "accepted");
  CHECK(problem("randomk(1)+zstd(3)") == "accepted");
  CHECK(problem("fp32") == "accepted");
  CHECK(problem("int8+topk") ==
        "'topk' cannot follow 'int8'; the order is selection, values, compression");
  CHECK(problem("int8+int4").find("cannot follow") != std::string::npos);
  CHECK(problem("topk(0)") == "'topk(0)' needs a parameter in its range");
  CHECK(problem("topk(0.1") == "'topk(0.1' needs a parameter in its range");
  CHECK(problem("zstd(2.5)") == "'zstd(2.5)' needs a parameter in its range");
  CHECK(problem("int8(3)") == "'int8(3)' takes no parameter");
  for (const char* bad : {"", "+", "int8+", "topk(", "topk()", "int8 "})
    CHECK(problem(bad) != "accepted");
}

TEST_CASE("codec: sizes are what was predicted") {
  const std::int64_t n = 1000;
  const ParameterSet delta = normal(n, 1);
  const auto body = [&](const std::string& name) {
    return make_codec(name)->encode(delta).size() - header_bytes(name);
  };
  CHECK(body("fp32") == 4000);
  CHECK(body("bf16") == 2000);
  CHECK(body("int8") == 1000 + 2 * 16);
  CHECK(body("int4") == 500 + 2 * 16);
  CHECK(body("sign") == 125 + 2 * 16);
  CHECK(body("randomk(0.1)+int8") == 8 + 100 + 2 * 2);
  // 50 positions of 1000 at about 5.8 bits each.
  CHECK(body("topk(0.05)+int8") < 4 + 1 + 50 + 2 + 50 * 7 / 8);
}

TEST_CASE("codec: stochastic rounding is unbiased and within a step") {
  const ParameterSet x = normal(64, 2);
  float largest = 0;
  for (const float v : x.values()) largest = std::max(largest, std::abs(v));
  for (const auto& [name, most] : {std::pair<std::string, float>{"int8", 127.0F}, {"int4", 7.0F}}) {
    const auto codec = make_codec(name);
    const double step = static_cast<double>(from_bf16(bf16_not_below(largest / most)));
    constexpr int kDraws = 2000;
    std::vector<double> sums(64, 0);
    for (int draw = 0; draw < kDraws; ++draw) {
      const auto decoded = codec->decode(
          codec->encode(x, {Seed(static_cast<std::uint64_t>(draw)), Seed(0)}), x.layout());
      REQUIRE(decoded);
      for (std::size_t i = 0; i < 64; ++i) {
        const double v = static_cast<double>(decoded->values()[i]);
        REQUIRE(std::abs(v - static_cast<double>(x.values()[i])) <= step * 1.0001);
        sums[i] += v;
      }
    }
    for (std::size_t i = 0; i < 64; ++i)
      CHECK(std::abs(sums[i] / kDraws - static_cast<double>(x.values()[i])) <
            5 * step / (2 * std::sqrt(static_cast<double>(kDraws))));
  }
}

TEST_CASE("codec: a bf16 scale is never rounded down, denormals and the largest included") {
  RandomStream draw(Seed(3));
  for (int trial = 0; trial < 20000; ++trial) {
    const float x = std::bit_cast<float>(draw.next_u32() & 0x7fffffffu);
    if (!std::isfinite(x)) continue;
    const float rounded = from_bf16(bf16_not_below(x));
    CHECK(rounded >= x);
    if (x > 1e-30F && x < 1e30F) CHECK(rounded <= x * 1.008F);
  }
}

TEST_CASE("codec: topk keeps the largest, ties by position; randomk takes what the round's seed says") {
  ParameterSet x(flat_layout(8));
  const float values[] = {1, -5, 2, 5, 0, 2, -3, 1};
  std::ranges::copy(values, x.values().begin());
  const auto top = make_codec("topk(0.5)");
  const auto kept = top->decode(top->encode(x), x.layout());
  REQUIRE(kept);
  const float expected[] = {0, -5, 2, 5, 0, 0, -3, 0};
  CHECK(std::ranges::equal(kept->values(), expected));

  const ParameterSet big = normal(5000, 4);
  const auto random = make_codec("randomk(0.1)");
  const auto support = [&](std::uint64_t own, std::uint64_t shared) {
    std::vector<std::size_t> out;
    const auto decoded = random->decode(random->encode(big, {Seed(own), Seed(shared)}), big.layout());
    for (std::size_t i = 0; i < decoded->size(); ++i)
      if (decoded->values()[i] != 0) out.push_back(i);
    return out;
  };
  CHECK(support(1, 7).size() == 500);
  CHECK(support(1, 7) == support(2, 7));
  CHECK(support(1, 7) != support(1, 8));
}

TEST_CASE("codec: Rice coding takes any ascending positions, and refuses damaged ones") {
  RandomStream draw(Seed(5));
  for (int trial = 0; trial < 200; ++trial) {
    const std::size_t size = 1 + draw.below(3000);
    const double share = draw.uniform();
    std::vector<std::uint32_t> positions;
    for (std::size_t i = 0; i < size; ++i)
      if (draw.uniform() < share) positions.push_back(static_cast<std::uint32_t>(i));
    std::vector<std::byte> bytes;
    append_positions(bytes, positions);
    ByteReader in(bytes);
    const auto back = read_positions(in, positions.size(), size);
    REQUIRE(back);
    CHECK(*back == positions);
    CHECK(in.rest().empty());
  }
  const std::vector<std::vector<std::byte>> damaged{
      {}, {std::byte{32}, std::byte{0}}, {std::byte{0}, std::byte{0xff}}, {std::byte{0}, std::byte{2}}};
  for (const std::vector<std::byte>& bad : damaged) {
    ByteReader in(bad);
    CHECK(read_positions(in, 1, 4).error().code == ErrorCode::kMalformed);
  }
}

TEST_CASE("codec: a compressed part that claims or gives too much is refused before it is unpacked") {
  const ParameterSet small(flat_layout(10)), huge(flat_layout(4000000));
  const auto codec = make_codec("zstd");
  // The body of a large update of zeros, a few hundred bytes, behind the header of a small one.
  const std::vector<std::byte> bomb = codec->encode(huge);
  std::vector<std::byte> forged = codec->encode(small);
  forged.resize(header_bytes("zstd"));
  forged.insert(forged.end(), bomb.begin() + static_cast<std::ptrdiff_t>(header_bytes("zstd")),
                bomb.end());
  CHECK(forged.size() < 20000);
  const auto decoded = codec->decode(forged, small.layout());
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error().code == ErrorCode::kMalformed);
  CHECK(decoded.error().message.find("size that its layout allows") != std::string::npos);
}

TEST_CASE("codec: scales and integers that are never written are refused") {
  const ParameterSet zero(flat_layout(3));
  const auto error_of = [&](const std::string& name, std::vector<std::byte> body) {
    std::vector<std::byte> bytes = make_codec(name)->encode(zero);
    bytes.resize(header_bytes(name));
    bytes.insert(bytes.end(), body.begin(), body.end());
    const auto decoded = make_codec(name)->decode(bytes, zero.layout());
    return decoded ? std::string("accepted") : std::string(to_string(decoded.error().code));
  };
  const std::byte zero_byte{0}, one{1}, lowest{0x80}, infinite{0x7f}, negative{0xbf};
  const std::string malformed(to_string(ErrorCode::kMalformed)),
      numeric(to_string(ErrorCode::kNumeric));
  CHECK(error_of("int8", {lowest, std::byte{0x3f}, one, one, one}) == "accepted");
  CHECK(error_of("int8", {lowest, std::byte{0x3f}, one, lowest, one}) == malformed);  // −128
  CHECK(error_of("int8", {lowest, infinite, one, one, one}) == numeric);
  CHECK(error_of("int8", {lowest, negative, one, one, one}) == numeric);
  CHECK(error_of("int4", {lowest, std::byte{0x3f}, std::byte{0x11}, one}) == "accepted");
  CHECK(error_of("int4", {lowest, std::byte{0x3f}, std::byte{0x81}, one}) == malformed);  // −8
  CHECK(error_of("int4", {lowest, std::byte{0x3f}, std::byte{0x11}, std::byte{0x11}}) == malformed);
  CHECK(error_of("sign", {lowest, std::byte{0x3f}, std::byte{0x08}}) == malformed);
  CHECK(error_of("topk(1)", {std::byte{9}, zero_byte, zero_byte, zero_byte, zero_byte}) == malformed);
}

TEST_CASE("codec: error feedback makes up for what topk leaves out") {
  const LayoutPtr layout = flat_layout(200);
  const ParameterSet delta = normal(200, 6);
  const auto codec = make_codec("topk(0.1)+int8");
  const auto after = [&](bool feedback) {
    ParameterSet error, sum(layout);
    for (std::uint64_t round = 0; round < 40; ++round) {
      if (!feedback) error = {};
      const auto sent =
          codec->decode(encode_with_feedback(*codec, delta, error, {Seed(round), Seed(0)}), layout);
      axpy(1.0F / 40, sent->values(), sum.values());
    }
    ParameterSet lost(layout);
    subtract(delta.values(), std::as_const(sum).values(), lost.values());
    return l2_norm(std::as_const(lost).values()) / l2_norm(delta.values());
  };
  CHECK(after(false) > 0.6);
  CHECK(after(true) < 0.3);
}
