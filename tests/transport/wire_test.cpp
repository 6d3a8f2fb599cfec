#include "transport/wire.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "core/rng.h"
#include "transport/cbor_check.h"

using namespace fennec;
using nlohmann::json;

namespace {

const std::string kDigest(64, 'a');

std::vector<Message> one_of_each() {
  return {Hello{kProtocol, "run-1", kDigest, 100, 1 << 30, 4},
          UpdateOffer{{3},
                      {2},
                      "fp32",
                      kDigest,
                      10,
                      999,
                      20,
                      1.5,
                      {{"loss", 2.25}, {"har.accuracy", 0.5}},
                      1 << 20,
                      kDigest},
          EvaluationReport{{3}, {2}, 10, 999, {{"har|a", -1.0}}},
          TrainingFailed{{4}, ErrorCode::kBudget, "out of time"},
          Goodbye{},
          Ping{},
          Welcome{kProtocol, "run-1", "name: x\nseed: 1\n", {7}},
          RoundPlan{{5},
                    PlanKind::kEvaluate,
                    {4},
                    4096,
                    kDigest,
                    std::numeric_limits<std::uint64_t>::max(),
                    600,
                    1024,
                    kDigest},
          UpdateAccepted{{5}, kDigest},
          UpdateRejected{{5}, ErrorCode::kNumeric, "not finite"},
          Wait{2.5},
          Finished{{9}},
          Refused{ErrorCode::kMismatch, "other base model"},
          Pong{},
          BulkRequest{"update/5", 262144, 4},
          BulkChunk{"update/5", 262144, 1 << 20},
          SecureReady{{5}, {4}, std::numeric_limits<std::uint64_t>::max()},
          SecureVector{{5}, 1 << 22, kDigest},
          SecureFrame{{5}}};
}

std::vector<std::byte> cbor(const json& j) {
  const auto bytes = json::to_cbor(j);
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  return {begin, begin + bytes.size()};
}
json parse(const std::vector<std::byte>& bytes) {
  const auto* begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return json::from_cbor(begin, begin + bytes.size());
}
std::string fault_of(const json& j) {
  const auto decoded = decode_header(cbor(j));
  return decoded ? "" : std::string(to_string(decoded.error().code)) + ": " + decoded.error().message;
}
bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::byte> raw(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (const int v : values) out.push_back(static_cast<std::byte>(v));
  return out;
}

}  // namespace

TEST_CASE("every message survives the wire") {
  for (const Message& message : one_of_each()) {
    const auto bytes = encode_header(message);
    CAPTURE(message.index());
    const auto decoded = decode_header(bytes);
    REQUIRE(decoded);
    CHECK(decoded->index() == message.index());
    CHECK(encode_header(*decoded) == bytes);
  }
  const auto offer = std::get<UpdateOffer>(*decode_header(encode_header(one_of_each()[1])));
  CHECK(offer.metrics == MetricList{{"loss", 2.25}, {"har.accuracy", 0.5}});
  CHECK(offer.supervised_tokens == 999);
  const auto plan = std::get<RoundPlan>(*decode_header(encode_header(one_of_each()[7])));
  CHECK(plan.seed == std::numeric_limits<std::uint64_t>::max());
  CHECK(plan.kind == PlanKind::kEvaluate);
  CHECK(plan.step_bytes == 1024);
  CHECK(plan.step_sha256 == kDigest);
}

TEST_CASE("an optional field may be absent, but not be wrong") {
  RoundPlan without = std::get<RoundPlan>(one_of_each()[7]);
  without.step_bytes = 0;
  without.step_sha256.clear();
  const json header = parse(encode_header(without));
  CHECK_FALSE(header.contains("step_bytes"));
  CHECK_FALSE(header.contains("step_sha256"));
  const auto plan = std::get<RoundPlan>(*decode_header(encode_header(without)));
  CHECK(plan.step_bytes == 0);
  CHECK(plan.step_sha256.empty());
  json bad = header;
  bad["step_bytes"] = -1;
  CHECK(contains(fault_of(bad), "'step_bytes'"));
  bad = header;
  bad["step_sha256"] = "";
  CHECK(contains(fault_of(bad), "'step_sha256'"));
}

TEST_CASE("every truncation is malformed") {
  for (const Message& message : one_of_each()) {
    const auto bytes = encode_header(message);
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      const auto decoded = decode_header(std::span(bytes).first(n));
      REQUIRE_FALSE(decoded);
      CHECK(decoded.error().code == ErrorCode::kMalformed);
    }
    auto longer = bytes;
    longer.push_back(std::byte{0});
    CHECK_FALSE(decode_header(longer));
  }
}

TEST_CASE("unknown fields are ignored, unknown types and versions are not") {
  json header = parse(encode_header(Wait{1}));
  header["from_the_future"] = json::array({1, 2, "x"});
  CHECK(fault_of(header).empty());
  header["protocol"] = kProtocol + 1;
  CHECK(contains(fault_of(header), std::string(to_string(ErrorCode::kVersion))));
  header["protocol"] = 0;
  CHECK(contains(fault_of(header), std::string(to_string(ErrorCode::kVersion))));
  header["protocol"] = "1";
  CHECK(contains(fault_of(header), "'protocol'"));
  header["protocol"] = kProtocol;
  header["type"] = "dance";
  CHECK(contains(fault_of(header), "unknown message type"));
  CHECK(contains(fault_of(json::array({1})), "not a map"));
}

TEST_CASE("a field that is missing, of another type or out of range is named") {
  const json good = parse(encode_header(one_of_each()[1]));
  for (const auto& item : good.items()) {
    const std::string& key = item.key();
    if (key == "type" || key == "protocol") continue;
    CAPTURE(key);
    json bad = good;
    bad.erase(key);
    CHECK(contains(fault_of(bad), "'" + key + "'"));
    bad[key] = nullptr;
    CHECK(contains(fault_of(bad), "'" + key + "'"));
  }
  const auto refused = [&](const char* key, const json& value) {
    json bad = good;
    bad[key] = value;
    return contains(fault_of(bad), std::string("'") + key + "'");
  };
  CHECK(refused("round", -1));
  CHECK(refused("payload_bytes", std::numeric_limits<std::uint64_t>::max()));
  CHECK(refused("payload_sha256", std::string(64, 'G')));
  CHECK(refused("codec", std::string(200, 'x')));
  CHECK(refused("codec",
                "a\x01"
                "b"));
  CHECK(refused("codec", "\xC0\xAF"));
  CHECK(refused("train_seconds", -0.5));
  CHECK(refused("train_seconds", std::numeric_limits<double>::infinity()));
  CHECK(refused("metrics",
                json::array({json::array({"loss", std::numeric_limits<double>::quiet_NaN()})})));
  CHECK(refused("metrics", json::array({json::array({"loss"})})));
  CHECK(refused("metrics", json::array({json::array({1, 2})})));
}

TEST_CASE("a long reason is cut at a character, not refused") {
  std::string reason;
  while (reason.size() < 5000) reason += "é";
  const auto decoded = decode_header(encode_header(Refused{ErrorCode::kVersion, reason}));
  REQUIRE(decoded);
  CHECK(std::get<Refused>(*decoded).reason.size() == 1024);
}

TEST_CASE("hostile CBOR is refused before anything is built") {
  CHECK(find_cbor_fault(std::vector<std::byte>(60000, std::byte{0x81})));  // nested lists: no recursion
  CHECK(find_cbor_fault(raw({0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})));  // 2^64 items
  CHECK(find_cbor_fault(raw({0xbb, 0x80, 0, 0, 0, 0, 0, 0, 0})));                       // 2^63 pairs
  CHECK(find_cbor_fault(raw({0x7b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})));  // long text
  CHECK(find_cbor_fault(raw({0x9f, 0x01, 0xff})));                                      // indefinite
  CHECK(find_cbor_fault(raw({0xc1, 0x01})));                                            // tag
  CHECK(find_cbor_fault(raw({0x41, 0x00})));                                            // byte string
  CHECK(find_cbor_fault(raw({0xa1, 0x61, 'x'})));                                       // half a pair
  CHECK_FALSE(find_cbor_fault(raw({0xa1, 0x61, 'x', 0xf6})));
  CHECK_FALSE(decode_header(raw({0xa1, 0x01, 0x02})));  // a key that is not text
  CHECK_FALSE(decode_header(std::vector<std::byte>(kMaxHeaderBytes + 1, std::byte{0})));
}

TEST_CASE("random and mutated headers never do more than fail") {
  RandomStream random(Seed(11).child("wire"));
  const auto messages = one_of_each();
  for (int i = 0; i < 20000; ++i) {
    auto bytes = encode_header(messages[random.below(messages.size())]);
    for (std::uint64_t k = 1 + random.below(4); k > 0; --k)
      bytes[random.below(bytes.size())] = static_cast<std::byte>(random.below(256));
    if (const auto decoded = decode_header(bytes)) CHECK(decode_header(encode_header(*decoded)));
  }
  for (int i = 0; i < 20000; ++i) {
    std::vector<std::byte> bytes(random.below(64));
    for (auto& b : bytes) b = static_cast<std::byte>(random.below(256));
    CHECK_FALSE(decode_header(bytes));
  }
}

TEST_CASE("wire: a reason is one line, on the way out and on the way in") {
  const Message sent = TrainingFailed{{3}, ErrorCode::kNumeric, "first\nsecond\tthird"};
  const std::vector<std::byte> header = encode_header(sent);
  const Result<Message> read = decode_header(header);
  REQUIRE(read);
  CHECK(std::get<TrainingFailed>(*read).reason == "first second third");
  for (const char forged : {'\n', '\r', '\t', '\x1b'}) {
    std::vector<std::byte> bytes = header;
    const std::string_view before = "first ";
    const auto at = std::search(bytes.begin(), bytes.end(), before.begin(), before.end(),
                                [](std::byte b, char c) { return b == static_cast<std::byte>(c); });
    REQUIRE(at != bytes.end());
    *(at + 5) = static_cast<std::byte>(forged);
    const Result<Message> refused = decode_header(bytes);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kMalformed);
  }
}
