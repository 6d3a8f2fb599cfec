#include "transport/bulk_transfer.h"

#include <doctest/doctest.h>

#include <deque>

#include "core/rng.h"

using namespace fennec;

namespace {

std::vector<std::byte> blob(RandomStream& random, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (auto& b : bytes) b = static_cast<std::byte>(random.below(256));
  return bytes;
}

Result<std::optional<BulkRequest>> give(BulkReceiver& receiver, const Frame& frame) {
  return receiver.accept(std::get<BulkChunk>(frame.message), frame.payload);
}

/// The chunks that answer a request.
std::vector<Frame> chunks(const BulkSender& sender, const BulkRequest& request) {
  std::vector<Frame> frames;
  REQUIRE(sender.answer(request, [&](Frame frame) {
    frames.push_back(std::move(frame));
    return true;
  }));
  return frames;
}

}  // namespace

TEST_CASE("a blob of any size arrives whole, with bounded credit") {
  RandomStream random(Seed(3).child("bulk"));
  for (const std::size_t size : {0u, 1u, 7u, 8u, 9u, 64u, 1000u}) {
    for (const int credit : {1, 2, 4, 7}) {
      const auto bytes = blob(random, size);
      const BulkSender sender("t", bytes, 8);
      BulkReceiver receiver("t", static_cast<std::int64_t>(size), to_hex(sha256(bytes)), credit);
      std::deque<Frame> wire;
      auto next = receiver.request();
      while (next || !wire.empty()) {
        if (next) {
          for (auto& frame : chunks(sender, *next)) wire.push_back(std::move(frame));
          CHECK(wire.size() <= static_cast<std::size_t>(credit));
        }
        const Frame frame = std::move(wire.front());
        wire.pop_front();
        const auto accepted = give(receiver, frame);
        REQUIRE(accepted);
        next = *accepted;
      }
      REQUIRE(receiver.complete());
      CHECK_FALSE(receiver.request());
      CHECK(std::move(receiver).take() == bytes);
    }
  }
}

TEST_CASE("drops, repeats, reordering and reconnects delay a transfer but never corrupt it") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    RandomStream random(Seed(seed).child("faults"));
    const auto bytes = blob(random, 1 + random.below(600));
    const BulkSender sender("t", bytes, 1 + static_cast<std::int64_t>(random.below(50)));
    BulkReceiver receiver("t", static_cast<std::int64_t>(bytes.size()), to_hex(sha256(bytes)),
                          1 + static_cast<int>(random.below(5)));
    std::deque<Frame> wire;
    const auto ask = [&](const std::optional<BulkRequest>& request) {
      if (!request || random.uniform() < 0.1) return;  // a request may be lost
      for (auto& frame : chunks(sender, *request)) {
        if (random.uniform() < 0.1) continue;
        if (random.uniform() < 0.1) wire.push_back(frame);
        wire.push_back(std::move(frame));
      }
      if (wire.size() > 1 && random.uniform() < 0.2) std::swap(wire.front(), wire.back());
    };
    int steps = 0;
    while (!receiver.complete()) {
      REQUIRE(++steps < 100000);
      if (wire.empty() ||
          random.uniform() < 0.02) {  // stalled or reconnected: some old chunks may still come
        if (random.uniform() < 0.5) wire.clear();
        ask(receiver.request());
        continue;
      }
      const Frame frame = std::move(wire.front());
      wire.pop_front();
      const auto before = receiver.received();
      const auto accepted = give(receiver, frame);
      if (accepted)
        ask(*accepted);
      else
        CHECK(receiver.received() == before);  // a gap: nothing changed
    }
    CHECK(std::move(receiver).take() == bytes);
  }
}

TEST_CASE("what does not fit the announcement is malformed") {
  RandomStream random(Seed(5).child("bulk"));
  const auto bytes = blob(random, 20);
  BulkReceiver receiver("t", 20, to_hex(sha256(bytes)), 2);
  (void)receiver.request();
  const auto refused = [&](const BulkChunk& chunk, std::size_t size) {
    const auto result = receiver.accept(chunk, std::vector<std::byte>(size));
    return !result && result.error().code == ErrorCode::kMalformed;
  };
  CHECK(refused({"u", 0, 20}, 8));
  CHECK(refused({"t", 0, 21}, 8));
  CHECK(refused({"t", 0, 20}, 21));
  CHECK(refused({"t", 0, 20}, 0));
  CHECK(refused({"t", 8, 20}, 8));  // a gap
  CHECK(refused({"t", -8, 20}, 8));
  CHECK(refused({"t", std::numeric_limits<std::int64_t>::max(), 20}, 8));
  CHECK(refused({"t", 0, 20}, 20));  // zeros: another digest
  CHECK(receiver.received() == 0);
  CHECK(receiver.accept({"t", 0, 20}, bytes));
  CHECK(receiver.complete());

  const BulkSender sender("t", bytes, 8);
  const auto keep = [](const Frame&) { return true; };
  CHECK_FALSE(sender.answer({"t", 20, 1}, keep));
  CHECK_FALSE(sender.answer({"t", -1, 1}, keep));
  CHECK_FALSE(sender.answer({"t", 0, 0}, keep));
  CHECK_FALSE(sender.answer({"u", 0, 1}, keep));
}

TEST_CASE("no chunk is made once there is no room for more") {
  RandomStream random(Seed(6).child("bulk"));
  const auto bytes = blob(random, 100);
  const BulkSender sender("t", bytes, 8);
  int offered = 0;
  const auto sent = sender.answer({"t", 0, 12}, [&](const Frame&) { return ++offered < 3; });
  REQUIRE(sent);
  CHECK(offered == 3);
  CHECK(*sent == 16);  // the third was not taken
}
