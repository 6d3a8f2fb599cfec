#include "core/safetensors.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "core/files.h"
#include "core/rng.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

using namespace fennec;  // NOLINT: test

namespace {

std::vector<std::byte> with_header(const std::string& header, std::size_t data_bytes) {
  std::vector<std::byte> file;
  for (std::size_t i = 0; i < 8; ++i) file.push_back(std::byte(header.size() >> (8 * i) & 0xff));
  for (const char c : header) file.push_back(static_cast<std::byte>(c));
  file.resize(file.size() + data_bytes);
  return file;
}

float value_of(const TensorView& tensor) {
  float value = 0;
  REQUIRE(to_float(tensor, {&value, 1}));
  return value;
}

ParameterSet random_set(std::uint64_t seed) {
  RandomStream stream{Seed(seed)};
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors;
  for (std::uint64_t i = 0, n = stream.below(6); i < n; ++i) {
    std::vector<std::int64_t> shape;
    for (std::uint64_t d = 0, rank = stream.below(4); d < rank; ++d)
      shape.push_back(static_cast<std::int64_t>(stream.below(5)));
    tensors.emplace_back("t" + std::to_string(stream.below(100)) + "é\"\\." + std::to_string(i), shape);
  }
  ParameterSet set(std::make_shared<ParameterLayout>(tensors));
  fill_normal(Seed(seed), set.values(), 1);
  return set;
}

/// The textbook reading of sign, exponent and fraction.
double obvious(std::uint16_t bits, int exponent_bits) {
  const int fraction_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = bits >> fraction_bits & ((1 << exponent_bits) - 1);
  const double fraction = std::ldexp(bits & ((1 << fraction_bits) - 1), -fraction_bits);
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return fraction != 0 ? NAN : sign * INFINITY;
  return sign *
         (exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias));
}

}  // namespace

TEST_CASE("every golden safetensors case is accepted or refused as its manifest says") {
  FENNEC_NEEDS_SHARED("golden/safetensors_cases");
  const auto dir = test::shared("golden/safetensors_cases");
  const auto manifest = nlohmann::json::parse(read_text_file(dir / "manifest.json"));
  int seen = 0;
  for (const auto& item : manifest.items()) {
    const std::string name = item.key();
    CAPTURE(name);
    ++seen;
    if (name.starts_with("ok/")) {
      CHECK_NOTHROW(Safetensors::open(dir / name));
      CHECK(Safetensors::parse(read_binary_file(dir / name)));
    } else {
      CHECK_THROWS_AS(Safetensors::open(dir / name), IoError);
      const auto parsed = Safetensors::parse(read_binary_file(dir / name));
      REQUIRE_FALSE(parsed);
      CHECK(parsed.error().code == ErrorCode::kMalformed);
    }
  }
  CHECK(seen == 36);
}

TEST_CASE("the accepted golden files hold the values their manifest names") {
  FENNEC_NEEDS_SHARED("golden/safetensors_cases");
  const auto dir = test::shared("golden/safetensors_cases/ok");
  const auto all = Safetensors::open(dir / "dtypes.safetensors");
  int checked = 0;
  for (const TensorView& tensor : all.tensors()) {
    float ignored = 0;
    switch (tensor.dtype) {
      case Dtype::kF64:
      case Dtype::kF16:
      case Dtype::kBf16:
        CHECK(value_of(tensor) == 1.5f);
        ++checked;
        break;
      default:
        CHECK(to_float(tensor, {&ignored, 1}).error().code == ErrorCode::kMalformed);
        ++checked;
    }
  }
  CHECK(checked == 8);
  CHECK(Safetensors::open(dir / "no_tensors.safetensors").tensors().empty());
  CHECK_FALSE(Safetensors::open(dir / "metadata.safetensors").metadata().empty());
  const auto odd = Safetensors::open(dir / "unaligned_header.safetensors");
  std::vector<float> values(odd.tensors()[0].element_count());
  CHECK(to_float(odd.tensors()[0], values));
}

TEST_CASE("headers that other readers have let through are refused") {
  const std::string entry = R"("dtype":"F32","shape":[1],"data_offsets":[0,4])";
  REQUIRE(Safetensors::parse(with_header("{\"a\":{" + entry + "}}", 4)));
  const std::string bad[] = {
      "{\"a\":{" + entry + ",\"extra\":1}}",
      "{\"a\":{" + entry + ",\"dtype\":\"F32\"}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[[1]],\"data_offsets\":[0,4]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}",
      "{\"a\":{\"dtype\":[1],\"shape\":[1],\"data_offsets\":[0,4]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":\"1\",\"data_offsets\":[0,4]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":null,\"data_offsets\":[0,4]}}",
      "{\"a\":[" + entry + "]}",
      "{\"a\":1}",
      "{\"__metadata__\":{\"a\":{\"b\":\"c\"}},\"a\":{" + entry + "}}",
      "{\"__metadata__\":{\"a\":\"x\",\"a\":\"y\"},\"a\":{" + entry + "}}",
      "{\"__metadata__\":[\"a\"],\"a\":{" + entry + "}}",
      "{\"a\":{" + entry + "}}\n",
      std::string("{\"a\":{") + entry + "}}" + '\0' + "}",
      "{\"a\":{" + entry + "},}",
      "{\"a\":{\"dtype\":\"C64\",\"shape\":[],\"data_offsets\":[0,8]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[18446744073709551615],\"data_offsets\":[0,4]}}",
  };
  for (const std::string& header : bad) {
    CAPTURE(header);
    CHECK_FALSE(Safetensors::parse(with_header(header, 4)));
  }
}

TEST_CASE("what is written is read back, 8-aligned, in width then name order, marked for torch") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    const ParameterSet set = random_set(seed);
    const auto file = write_safetensors(to_views(set), {{"round", "3"}});
    const auto parsed = Safetensors::parse(file);
    REQUIRE(parsed);
    CHECK(parsed->metadata() == std::map<std::string, std::string>{{"format", "pt"}, {"round", "3"}});
    REQUIRE(parsed->tensors().size() == set.layout()->entries().size());
    for (const ParameterEntry& entry : set.layout()->entries()) {
      const TensorView* tensor = parsed->find(entry.name);
      REQUIRE(tensor != nullptr);
      CHECK(tensor->shape == entry.shape);
      CHECK(std::memcmp(tensor->bytes.data(), set.values(entry).data(), tensor->bytes.size()) == 0);
    }
    std::uint64_t header_bytes = 0;
    std::memcpy(&header_bytes, file.data(), 8);
    CHECK(header_bytes % 8 == 0);
    CHECK(parsed->find("absent") == nullptr);
  }
  const std::byte wide[8] = {}, narrow[2] = {};
  const auto mixed = write_safetensors(
      {{"a", Dtype::kF16, {1}, narrow}, {"z", Dtype::kI64, {}, wide}, {"b", Dtype::kI64, {1}, wide}});
  const auto order = Safetensors::parse(mixed);
  REQUIRE(order);
  CHECK(order->tensors()[0].name == "b");
  CHECK(order->tensors()[2].name == "a");
}

TEST_CASE("a file cut at any byte, or with any byte more, is refused") {
  const ParameterSet set = random_set(2);
  REQUIRE(set.size() > 0);
  auto file = write_safetensors(to_views(set));
  for (std::size_t cut = 0; cut < file.size(); ++cut) {
    CAPTURE(cut);
    CHECK_FALSE(Safetensors::parse(std::span(file).first(cut)));
  }
  file.push_back(std::byte{0});
  CHECK_FALSE(Safetensors::parse(file));
}

TEST_CASE("damaging any header byte never crashes, and never moves a tensor out of the file") {
  const auto file = write_safetensors(to_views(random_set(2)));
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    RandomStream stream{Seed(seed)};
    auto damaged = file;
    for (int i = 0; i < 3; ++i) damaged[stream.below(damaged.size())] = std::byte(stream.below(256));
    const auto parsed = Safetensors::parse(damaged);
    if (!parsed) continue;
    for (const TensorView& tensor : parsed->tensors())
      REQUIRE(tensor.bytes.data() + tensor.bytes.size() <= damaged.data() + damaged.size());
  }
}

TEST_CASE("all 65536 half and bf16 patterns convert as the formats define") {
  std::vector<std::uint16_t> patterns(65536);
  for (std::size_t i = 0; i < patterns.size(); ++i) patterns[i] = static_cast<std::uint16_t>(i);
  std::vector<float> half(65536), bf16(65536);
  REQUIRE(to_float({"h", Dtype::kF16, {65536}, std::as_bytes(std::span(patterns))}, half));
  REQUIRE(to_float({"b", Dtype::kBf16, {65536}, std::as_bytes(std::span(patterns))}, bf16));
  int wrong = 0;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const auto differs = [](float got, double want) {
      return std::isnan(want) ? !std::isnan(got)
                              : got != want || std::signbit(got) != std::signbit(want);
    };
    wrong += differs(half[i], obvious(patterns[i], 5)) + differs(bf16[i], obvious(patterns[i], 8));
  }
  CHECK(wrong == 0);
  CHECK(to_bf16(bf16).size() == patterns.size());
  const auto back = to_bf16(bf16);
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    if (std::isnan(bf16[i]))
      wrong += (back[i] & 0x7f80) != 0x7f80 || (back[i] & 0x7f) == 0;
    else
      wrong += back[i] != patterns[i];
  }
  CHECK(wrong == 0);
}

TEST_CASE("bf16 rounds to nearest, ties to even") {
  for (std::uint64_t seed = 0; seed < 20000; ++seed) {
    const auto bits = RandomStream{Seed(seed)}.next_u32();
    const float value = std::bit_cast<float>(bits);
    if (!std::isfinite(value)) continue;
    const std::uint16_t got = to_bf16({&value, 1})[0];
    const auto down = static_cast<std::uint16_t>(bits >> 16);
    const double distance_down = std::abs(value - obvious(down, 8));
    const auto up = static_cast<std::uint16_t>(down + 1);
    const double next = obvious(up, 8);
    const double distance_up = std::abs(value - next);
    CAPTURE(bits);
    if (std::isfinite(next)) {
      const std::uint16_t want = distance_down < distance_up   ? down
                                 : distance_up < distance_down ? up
                                 : down % 2 == 0               ? down
                                                               : up;
      CHECK(got == want);
    }
  }
  const float ties[] = {std::bit_cast<float>(0x3f808000u), std::bit_cast<float>(0x3f818000u)};
  CHECK(to_bf16(ties) == std::vector<std::uint16_t>{0x3f80, 0x3f82});
}
