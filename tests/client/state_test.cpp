#include <doctest/doctest.h>

#include <future>
#include <limits>

#include "client/adapter_cache.h"
#include "client/adapter_fetch.h"
#include "client/outbox.h"
#include "client/state_directory.h"
#include "client/work_thread.h"
#include "core/digest.h"
#include "core/files.h"
#include "core/lora_layout.h"
#include "core/safetensors.h"
#include "tests/support/fetched.h"
#include "tests/support/temp_dir.h"

using namespace fennec;

namespace {

std::vector<std::byte> bytes_of(const std::string& text) {
  const auto span = std::as_bytes(std::span(text));
  return {span.begin(), span.end()};
}
UpdateOffer offer_for(std::int64_t round, const std::vector<std::byte>& payload) {
  UpdateOffer offer;
  offer.round = {round};
  offer.base_version = {round - 1};
  offer.codec = "fp32";
  offer.layout_digest = std::string(64, 'a');
  offer.payload_bytes = static_cast<std::int64_t>(payload.size());
  offer.payload_sha256 = to_hex(sha256(payload));
  return offer;
}
LayoutPtr small_layout() {
  return lora_layout({{"model.layers.0.self_attn.q_proj", 8, 6}, {"model.layers.0.mlp.up_proj", 8, 10}},
                     2);
}
ParameterSet some_adapter(const LayoutPtr& layout) { return initial_lora(layout, Seed(4)); }

}  // namespace

TEST_CASE("an update in the outbox survives a restart; a damaged or dropped one is gone") {
  const test::TempDir dir;
  const auto first = bytes_of("first delta"), second = bytes_of("second delta");
  Outbox outbox(dir.path());
  CHECK_FALSE(outbox.offer());
  outbox.put(offer_for(1, first), first);
  outbox.put(offer_for(2, second), second);
  Outbox again(dir.path());
  REQUIRE(again.offer());
  CHECK(again.offer()->round.value == 2);
  REQUIRE(again.payload(*again.offer()) != nullptr);
  CHECK((*again.payload(*again.offer()) == second));
  CHECK(again.payload(offer_for(1, first)) == nullptr);
  again.drop({1});
  CHECK(again.offer());
  again.drop({2});
  CHECK_FALSE(again.offer());

  again.put(offer_for(3, first), first);
  for (const auto& entry : std::filesystem::directory_iterator(dir.path()))
    if (entry.path().filename() != "offer.cbor")
      write_file_atomically(entry.path(), std::string_view("torn"));
  Outbox after_a_restart(dir.path());
  CHECK_FALSE(after_a_restart.offer());
  CHECK(std::filesystem::is_empty(dir.path()));
  write_file_atomically(dir / "offer.cbor", std::string_view("no CBOR"));
  CHECK_FALSE(after_a_restart.offer());
}

TEST_CASE("the adapter cache gives back what was stored, and nothing else") {
  const test::TempDir dir;
  const LayoutPtr layout = small_layout();
  const ParameterSet adapter = some_adapter(layout);
  const auto file = write_safetensors(to_views(adapter));
  const std::string digest = to_hex(sha256(file));
  const AdapterCache cache(dir.path());
  CHECK_FALSE(cache.load({1}, digest, layout));
  for (std::int64_t v = 1; v <= 4; ++v) cache.store({v}, file);
  const auto loaded = cache.load({4}, digest, layout);
  REQUIRE(loaded);
  CHECK(std::equal(loaded->values().begin(), loaded->values().end(), adapter.values().begin()));
  CHECK(cache.load({3}, digest, layout));
  CHECK_FALSE(cache.load({2}, digest, layout));  // the newest two are kept
  CHECK_FALSE(cache.load({4}, std::string(64, '0'), layout));
}

TEST_CASE("an adapter of another layout, or not finite, is refused") {
  const LayoutPtr layout = small_layout();
  ParameterSet adapter = some_adapter(layout);
  CHECK(parse_adapter(write_safetensors(to_views(adapter)), layout));
  const ParameterSet other(lora_layout({{"model.layers.0.self_attn.q_proj", 8, 6}}, 2));
  CHECK(parse_adapter(write_safetensors(to_views(other)), layout).error().code == ErrorCode::kMismatch);
  const ParameterSet wider(lora_layout(
      {{"model.layers.0.self_attn.q_proj", 8, 6}, {"model.layers.0.mlp.up_proj", 8, 10}}, 3));
  CHECK(parse_adapter(write_safetensors(to_views(wider)), layout).error().code == ErrorCode::kMismatch);
  adapter.values()[5] = std::numeric_limits<float>::infinity();
  CHECK(parse_adapter(write_safetensors(to_views(adapter)), layout).error().code ==
        ErrorCode::kNumeric);
  CHECK(parse_adapter(bytes_of("short"), layout).error().code == ErrorCode::kMalformed);
}

TEST_CASE("version 0 comes from the seed, later ones in chunks and then from the disk") {
  const test::TempDir dir;
  const LayoutPtr layout = small_layout();
  Experiment experiment;
  AdapterFetch fetch(
      experiment, layout, [&] { return some_adapter(layout); }, dir.path());
  RoundPlan plan;
  auto seeded = fetch.begin(plan);
  REQUIRE(seeded);
  REQUIRE(*seeded);
  plan.adapter_sha256 = to_hex(sha256(write_safetensors(to_views(**seeded))));
  CHECK(fetch.begin(plan));
  plan.adapter_sha256 = std::string(64, '1');
  CHECK(fetch.begin(plan).error().code == ErrorCode::kMismatch);

  const auto file = write_safetensors(to_views(some_adapter(layout)));
  plan.version = {3};
  plan.adapter_sha256 = to_hex(sha256(file));
  plan.adapter_bytes = std::int64_t{1} << 40;
  CHECK(fetch.begin(plan).error().code == ErrorCode::kMalformed);
  plan.adapter_bytes = static_cast<std::int64_t>(file.size());
  const auto begun = fetch.begin(plan);
  REQUIRE(begun);
  CHECK_FALSE(*begun);
  const std::optional<ParameterSet> adapter = test::fetched(fetch, {{"adapter/3", file}});
  REQUIRE(adapter);
  CHECK_FALSE(fetch.active());
  const auto cached = fetch.begin(plan);
  REQUIRE(cached);
  CHECK(*cached);
}

TEST_CASE("a state directory is private and belongs to one process") {
  const test::TempDir dir;
  const StateDirectory state(dir / "state");
  CHECK((std::filesystem::status(dir / "state").permissions() == std::filesystem::perms::owner_all));
  CHECK_THROWS_AS(StateDirectory(dir / "state"), IoError);
}

TEST_CASE("work runs in order; cancelling stops the running job and forgets the rest") {
  WorkThread thread;
  std::string order;
  std::promise<void> done;
  thread.submit([&](const std::stop_token&) { order += "a"; });
  thread.submit([&](const std::stop_token&) { order += "b", done.set_value(); });
  done.get_future().wait();
  CHECK(order == "ab");

  std::promise<void> running, stopped;
  bool forgotten = true;
  thread.submit([&](const std::stop_token& stop) {
    running.set_value();
    while (!stop.stop_requested()) std::this_thread::yield();
    stopped.set_value();
  });
  thread.submit([&](const std::stop_token&) { forgotten = false; });
  running.get_future().wait();
  thread.cancel();
  stopped.get_future().wait();
  std::promise<void> next;
  thread.submit([&](const std::stop_token&) { next.set_value(); });
  next.get_future().wait();
  CHECK(forgotten);
}
