// Attacks on numbers and keys: docs/privacy.md, rows 24, 25 and 28 to 30.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

#include "tests/support/secagg_world.h"

using namespace fennec;
using fennec::test::SecAggOptions;
using fennec::test::SecAggWorld;

namespace {

class BrokenEntropy final : public Entropy {
 public:
  explicit BrokenEntropy(int good) : left_(good) {}
  void fill(std::span<std::byte> out) override {
    if (left_-- <= 0) throw IoError("no randomness");
    SystemEntropy().fill(out);
  }

 private:
  int left_;
};

/// A secret kept inverted, so that looking for it does not plant it.
using Needle = std::array<std::byte, 32>;
Needle inverted(const SecretKey& secret) {
  Needle needle{};
  std::transform(secret.bytes().begin(), secret.bytes().end(), needle.begin(),
                 [](std::byte b) { return ~b; });
  return needle;
}

bool found_in(std::span<const std::byte> memory, const Needle& needle) {
  const std::byte first = ~needle[0], second = ~needle[1];
  for (std::size_t i = 0; i + needle.size() <= memory.size(); ++i) {
    if (memory[i] != first || memory[i + 1] != second) continue;
    std::size_t same = 0;
    while (same < needle.size() && memory[i + same] == ~needle[same]) ++same;
    if (same == needle.size()) return true;
  }
  return false;
}

/// Looks through the heap as the kernel sees it.
bool heap_holds(const Needle& needle) {
  static std::array<std::byte, 1 << 16> window;
  std::ifstream maps("/proc/self/maps");
  const int memory = ::open("/proc/self/mem", O_RDONLY);
  REQUIRE(memory >= 0);
  bool found = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("[heap]") == std::string::npos) continue;
    std::uint64_t from = 0, to = 0;
    char dash = 0;
    std::istringstream(line) >> std::hex >> from >> dash >> to;
    for (std::uint64_t at = from; at < to && !found; at += window.size() - needle.size()) {
      const auto want = std::min<std::uint64_t>(window.size(), to - at);
      const ssize_t got = ::pread(memory, window.data(), want, static_cast<off_t>(at));
      if (got > 0) found = found_in(std::span(window).first(static_cast<std::size_t>(got)), needle);
    }
  }
  wipe(window);
  ::close(memory);
  return found;
}

// AddressSanitizer keeps its heap elsewhere.
#if defined(__has_feature)
constexpr bool kHeapIsSearched = !__has_feature(address_sanitizer);
#elif defined(__SANITIZE_ADDRESS__)
constexpr bool kHeapIsSearched = false;
#else
constexpr bool kHeapIsSearched = true;
#endif

}  // namespace

TEST_CASE("attack 25: everyone at the limit sums exactly; parameters that could wrap open no session") {
  for (const bool active : {false, true}) {
    SecAggOptions options;
    options.clients = 9;
    options.mode = active ? SecAggMode::kActive : SecAggMode::kHonestButCurious;
    SecAggWorld world(options);
    const RingCoding coding = world.params().coding;
    for (auto& [uid, vector] : world.vectors) {
      SystemEntropy entropy;
      REQUIRE(quantize(std::vector<float>(coding.values, active ? -1e30F : 1e30F), 1, coding,
                       entropy.key(), vector));
    }
    world.run();
    REQUIRE(world.has_exact_sum());
    CHECK(static_cast<std::int32_t>(world.server->sum()[0]) ==
          (active ? -1 : 1) * 9 * static_cast<std::int32_t>(coding.limit()));
  }
  SecAggWorld world({100});
  SecAggParams p = world.params();
  p.coding.value_bits = 26;  // 100 clients leave 25
  SystemEntropy entropy;
  const auto refused =
      SecAggServer::create({p, world.signed_roster, world.uids, 1, {}}, world.server_key.clone(),
                           world.authority.public_key(), entropy);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("26 bits") != std::string::npos);
}

TEST_CASE("attack 25: a vector out of range is caught in the sum") {
  SecAggWorld world({});
  world.vectors[world.uids[0]][0] = 1u << 30;
  world.run();
  REQUIRE(world.failure);
  CHECK(world.failure->reason == SecAggAbort::kRange);
  CHECK_FALSE(world.server->is_finished());
}

TEST_CASE("attack 24: an update that is not finite is given up, not sent as zeros") {
  SecAggWorld world({});
  const std::uint32_t uid = world.uids[0];
  world.to_client = [&](std::uint32_t to, SecAggStep step, std::vector<std::byte>& frame) {
    if (to != uid || step != SecAggStep::kForward) return true;
    // what a host does once quantize() has refused
    REQUIRE_FALSE(world.clients.at(uid)->handle(frame).abort);
    const auto reaction = world.clients.at(uid)->give_up(SecAggAbort::kNonFinite, "NaN");
    REQUIRE(reaction.frame);
    world.tell_server(uid, *reaction.frame);
    return false;
  };
  world.run();
  CHECK(world.has_exact_sum());
  CHECK(world.faulted(uid, "non-finite"));
  CHECK(world.server->survivors().size() == 4);
}

TEST_CASE("attack 28: without randomness there are no keys and nothing is sent") {
  SecAggWorld world({});
  const std::uint32_t uid = world.uids[0];
  const auto open = world.server->open();
  for (int good = 0; good < 3; ++good) {
    BrokenEntropy entropy(good);
    SecAggClient client(world.identity(uid), world.policy(), {11, 4}, world.now, entropy);
    CHECK_THROWS_AS(client.handle(open[0].frame), IoError);
    CHECK_FALSE(client.wants_vector());
    CHECK(client.memory() == SecAggMemory{11, 4});
  }
  BrokenEntropy none(0);
  CHECK_THROWS_AS(SecAggServer::create({world.params(), world.signed_roster, world.uids, 13, {}},
                                       world.server_key.clone(), world.authority.public_key(), none),
                  IoError);
}

TEST_CASE("attack 29: after a session its keys are nowhere in the heap") {
  SecAggWorld world({});
  const std::uint32_t uid = world.uids[2];
  const auto needles = [&] {
    const auto secrets = world.secrets_of(uid);
    return std::array{inverted(secrets.share.secret_key), inverted(secrets.mask.secret_key),
                      inverted(secrets.self)};
  }();
  bool seen_alive = false;
  world.to_server = [&](std::uint32_t from, SecAggStep step, std::vector<std::byte>&) {
    if (from == uid && step == SecAggStep::kAdvertise)
      seen_alive = heap_holds(needles[0]) && heap_holds(needles[1]) && heap_holds(needles[2]);
    return true;
  };
  world.run();
  REQUIRE(world.has_exact_sum());
  CHECK(seen_alive == kHeapIsSearched);  // the search finds what is there
  REQUIRE(world.clients.at(uid)->is_spent());
  for (const Needle& needle : needles) CHECK_FALSE(heap_holds(needle));
}

TEST_CASE("attack 30: masked vectors of one fixed update look uniform and tell nothing of it") {
  constexpr int kSessions = 300;
  std::array<double, 256> counts{};
  double n = 0, sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
  std::vector<std::uint32_t> fixed;
  for (int s = 0; s < kSessions; ++s) {
    SecAggOptions options;
    options.clients = 3;
    options.seed = 1000 + static_cast<std::uint64_t>(s);
    SecAggWorld world(options);
    const std::uint32_t uid = world.uids[0];
    if (fixed.empty()) fixed = world.vectors[uid];
    world.vectors[uid] = fixed;
    world.run();
    REQUIRE(world.has_exact_sum());
    const auto& frame = world.sent_up.at(uid).at(SecAggStep::kMasked);
    const auto masked = read_frame(frame)->tail;
    for (const std::byte b : masked) counts[std::to_integer<std::size_t>(b)] += 1;
    for (std::size_t i = 0; i < fixed.size(); ++i) {
      std::uint32_t y = 0;
      std::memcpy(&y, masked.data() + 4 * i, 4);
      const double a = static_cast<std::int32_t>(fixed[i]), b = static_cast<std::int32_t>(y);
      n += 1, sx += a, sy += b, sxx += a * a, syy += b * b, sxy += a * b;
    }
  }
  const double expected = n * 4 / 256;
  double chi_square = 0;
  for (const double count : counts) chi_square += (count - expected) * (count - expected) / expected;
  CHECK(chi_square < 255 + 5 * std::sqrt(2 * 255.0));
  CHECK(chi_square > 255 - 5 * std::sqrt(2 * 255.0));
  const double rho = (n * sxy - sx * sy) / std::sqrt((n * sxx - sx * sx) * (n * syy - sy * sy));
  CHECK(std::fabs(rho) < 4 / std::sqrt(n));
}
