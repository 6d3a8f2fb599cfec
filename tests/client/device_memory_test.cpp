#include "client/device_memory.h"

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

TEST_CASE("what an update leaves counts from its acceptance, and survives a restart") {
  const test::TempDir dir;
  const DeviceMemoryStore store(dir.path());
  const ParameterSet first = initial_lora(small_layout(), Seed(1)),
                     second = initial_lora(small_layout(), Seed(2));
  CHECK(store.current(small_layout()).values.empty());
  store.prepare(offer_for(1, 'a'), first);
  CHECK(store.current(small_layout()).values.empty());
  store.accepted({{1}, std::string(64, 'b')});  // of another update
  CHECK(store.current(small_layout()).values.empty());
  store.accepted({{1}, std::string(64, 'a')});
  store.accepted({{1}, std::string(64, 'a')});  // said again after a reconnect
  CHECK(equal(DeviceMemoryStore(dir.path()).current(small_layout()).values, first));

  store.prepare(offer_for(2, 'c'), second);  // refused: the one before stands
  CHECK(equal(store.current(small_layout()).values, first));
  CHECK(store.current(small_layout()).round == RoundId{1});
  CHECK(store.current(small_layout(3)).values.empty());
}

TEST_CASE("a damaged memory is given up") {
  const test::TempDir dir;
  const DeviceMemoryStore store(dir.path());
  store.prepare(offer_for(1, 'a'), initial_lora(small_layout(), Seed(1)));
  store.accepted({{1}, std::string(64, 'a')});
  write_file_atomically(dir / "memory.safetensors", "no safetensors");
  CHECK(store.current(small_layout()).values.empty());
}
