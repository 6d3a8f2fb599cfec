#include "client/feedback_store.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "core/files.h"
#include "core/lora_layout.h"
#include "tests/support/temp_dir.h"

using namespace fennec;

namespace {

LayoutPtr small_layout(int rank = 2) {
  return lora_layout({{"model.layers.0.self_attn.q_proj", 8, 6}}, rank);
}

UpdateOffer offer_for(std::int64_t round, char digest) {
  UpdateOffer offer;
  offer.round = {round};
  offer.payload_sha256 = std::string(64, digest);
  return offer;
}

bool equal(const ParameterSet& a, const ParameterSet& b) {
  return std::ranges::equal(a.bytes(), b.bytes());
}

}  // namespace

TEST_CASE("feedback counts from the acceptance of its update, survives a restart, and fades") {
  const test::TempDir dir;
  const FeedbackStore store(dir.path());
  const ParameterSet first = initial_lora(small_layout(), Seed(1)),
                     second = initial_lora(small_layout(), Seed(2));
  CHECK(store.current(small_layout(), {1}).empty());
  store.prepare(offer_for(1, 'a'), first);
  CHECK(store.current(small_layout(), {2}).empty());
  store.accepted({{1}, std::string(64, 'b')});  // of another update
  CHECK(store.current(small_layout(), {2}).empty());
  store.accepted({{1}, std::string(64, 'a')});
  store.accepted({{1}, std::string(64, 'a')});  // said again after a reconnect
  CHECK(equal(FeedbackStore(dir.path()).current(small_layout(), {2}), first));

  store.prepare(offer_for(2, 'c'), second);  // refused: the one before stands
  CHECK(equal(store.current(small_layout(), {3}), first));
  CHECK(equal(store.current(small_layout(), {11}), first));
  CHECK(store.current(small_layout(), {12}).empty());
  CHECK(store.current(small_layout(3), {2}).empty());
}

TEST_CASE("damaged feedback is given up, not sent") {
  const test::TempDir dir;
  const FeedbackStore store(dir.path());
  store.prepare(offer_for(1, 'a'), initial_lora(small_layout(), Seed(1)));
  store.accepted({{1}, std::string(64, 'a')});
  write_file_atomically(dir / "feedback.safetensors", "no safetensors");
  CHECK(store.current(small_layout(), {2}).empty());
}
