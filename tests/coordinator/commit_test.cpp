#include "coordinator/commit.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "aggregation/control_variates.h"
#include "aggregation/travel.h"
#include "aggregation/version.h"
#include "core/lora_layout.h"
#include "core/parameter_math.h"
#include "tests/coordinator/small_run.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using namespace fennec::test;

namespace {

LayoutPtr small_layout() {
  return std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"a", {2, 3}}, {"b", {4}}});
}

}  // namespace

TEST_CASE("commit: the mean of the deltas weighted by supervised tokens, added to the base") {
  const LayoutPtr layout = small_layout();
  ParameterSet base(layout);
  fill_normal(Seed(2), base.values(), 1);
  MemoryUpdateStore updates;
  std::map<ClientId, UpdateOffer> contributors;
  std::vector<double> expected(layout->size(), 0);
  double tokens = 0;
  for (const std::string client : {"a", "bb", "ccc"}) {
    const FakeUpdate update = fake_update(layout, client, RoundId{1}, AdapterVersion{0});
    updates.put(RoundId{1}, {client}, update.bytes);
    contributors.emplace(ClientId{client}, update.offer);
    const Result<ParameterSet> delta = decode_update(update.offer, update.bytes, layout);
    REQUIRE(delta);
    for (std::size_t i = 0; i < expected.size(); ++i)
      expected[i] +=
          static_cast<double>(delta->values()[i]) * static_cast<double>(update.offer.supervised_tokens);
    tokens += static_cast<double>(update.offer.supervised_tokens);
  }
  const auto aggregator = make_aggregator({});
  const auto optimizer = make_server_optimizer({});
  const Commit commit = commit_round(RoundId{1}, base, contributors, updates, *aggregator, *optimizer);
  double norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double step = expected[i] / tokens;
    norm += step * step;
    CHECK(commit.adapter.values()[i] ==
          doctest::Approx(static_cast<double>(base.values()[i]) + step).epsilon(1e-5));
  }
  CHECK(commit.record.version == AdapterVersion{1});
  CHECK(commit.record.participants.size() == 3);
  CHECK(commit.record.loss == doctest::Approx(2.0));
  CHECK(commit.record.update_norm == doctest::Approx(std::sqrt(norm)).epsilon(1e-4));
  CHECK(commit.record.bytes_up == 3 * contributors.begin()->second.payload_bytes);
}

TEST_CASE("commit: an update that no longer reads is the disk's fault") {
  const LayoutPtr layout = small_layout();
  const FakeUpdate update = fake_update(layout, "a", RoundId{1}, AdapterVersion{0});
  const std::map<ClientId, UpdateOffer> contributors{{ClientId{"a"}, update.offer}};
  const auto aggregator = make_aggregator({});
  const auto optimizer = make_server_optimizer({});
  MemoryUpdateStore updates;
  CHECK_THROWS_AS(
      commit_round(RoundId{1}, ParameterSet(layout), contributors, updates, *aggregator, *optimizer),
      IoError);
  updates.put(RoundId{1}, {"a"}, std::span(update.bytes).first(10));
  CHECK_THROWS_AS(
      commit_round(RoundId{1}, ParameterSet(layout), contributors, updates, *aggregator, *optimizer),
      IoError);
}

TEST_CASE("commit: what is stored but too large to fold is dropped, and the others make the adapter") {
  const LayoutPtr layout = small_layout();
  ParameterSet base(layout);
  fill_normal(Seed(2), base.values(), 1);
  const FakeUpdate good = fake_update(layout, "a", RoundId{1}, AdapterVersion{0});
  FakeUpdate huge = fake_update(layout, "b", RoundId{1}, AdapterVersion{0});
  ParameterSet delta(layout);
  for (float& value : delta.values()) value = 1e38F;
  huge.bytes = make_codec("fp32")->encode(delta);
  MemoryUpdateStore updates;
  updates.put(RoundId{1}, {"a"}, good.bytes);
  updates.put(RoundId{1}, {"b"}, huge.bytes);
  const auto fold = [&](const std::map<ClientId, UpdateOffer>& contributors,
                        ServerOptimizer& optimizer) {
    const auto aggregator = make_aggregator({});
    return commit_round(RoundId{1}, base, contributors, updates, *aggregator, optimizer);
  };
  AggregationConfig config;
  config.server_optimizer = "fedavgm";
  const auto optimizer = make_server_optimizer(config), calm = make_server_optimizer(config);
  const Commit both = fold({{{"a"}, good.offer}, {{"b"}, huge.offer}}, *optimizer);
  REQUIRE(both.dropped.size() == 1);
  CHECK(both.dropped[0].first == ClientId{"b"});
  CHECK(both.dropped[0].second.code == ErrorCode::kNumeric);
  CHECK(adapter_file_bytes(both.adapter) ==
        adapter_file_bytes(fold({{{"a"}, good.offer}}, *calm).adapter));

  const Commit none = fold({{{"b"}, huge.offer}}, *optimizer);
  CHECK(none.record.participants.empty());
  CHECK(adapter_file_bytes(none.adapter) == adapter_file_bytes(base));
}

TEST_CASE("commit: an adapter that would not be finite is not made, and the optimizer has not moved") {
  const LayoutPtr layout = small_layout();
  ParameterSet base(layout);
  const FakeUpdate update = fake_update(layout, "a", RoundId{1}, AdapterVersion{0});
  MemoryUpdateStore updates;
  updates.put(RoundId{1}, {"a"}, update.bytes);
  AggregationConfig config;
  config.server_optimizer = "fedavgm";
  const auto optimizer = make_server_optimizer(config);
  std::vector<ParameterSet> runaway;
  for (float& value : runaway.emplace_back(layout).values()) value = std::numeric_limits<float>::max();
  const std::vector<std::byte> before = adapter_file_bytes(runaway[0]);
  for (float& value : base.values()) value = std::numeric_limits<float>::max();
  REQUIRE(optimizer->restore(std::move(runaway)));
  const auto aggregator = make_aggregator(config);
  const Commit commit =
      commit_round(RoundId{1}, base, {{ClientId{"a"}, update.offer}}, updates, *aggregator, *optimizer);
  CHECK(commit.record.participants.empty());
  CHECK(commit.dropped.size() == 1);
  CHECK(adapter_file_bytes(commit.adapter) == adapter_file_bytes(base));
  REQUIRE(optimizer->state().size() == 1);
  CHECK(adapter_file_bytes(*optimizer->state()[0]) == before);
}

TEST_CASE("decode: a norm above the run's limit is refused") {
  const LayoutPtr layout = small_layout();
  FakeUpdate update = fake_update(layout, "a", RoundId{1}, AdapterVersion{0});
  ParameterSet delta(layout);
  delta.values()[0] = 3;
  delta.values()[1] = 4;
  update.bytes = make_codec("fp32")->encode(delta);
  CHECK(decode_update(update.offer, update.bytes, layout));
  CHECK(decode_update(update.offer, update.bytes, layout, 5 * 1.001));
  CHECK(decode_update(update.offer, update.bytes, layout, 4.99).error().code == ErrorCode::kNumeric);
  for (const float value : {1e7F, 1e38F}) {
    delta.values()[0] = value;
    CHECK(decode_update(update.offer, make_codec("fp32")->encode(delta), layout).error().code ==
          ErrorCode::kNumeric);
  }
}

TEST_CASE("decode: another layout and a NaN are refused") {
  const LayoutPtr layout = small_layout();
  FakeUpdate update = fake_update(layout, "a", RoundId{1}, AdapterVersion{0});
  update.offer.layout_digest = "another";
  CHECK(decode_update(update.offer, update.bytes, layout).error().code == ErrorCode::kMismatch);
  ParameterSet bad(layout);
  bad.values()[3] = std::numeric_limits<float>::quiet_NaN();
  update.offer.layout_digest = layout->digest();
  CHECK(decode_update(update.offer, make_codec("fp32")->encode(bad), layout).error().code ==
        ErrorCode::kNumeric);
}

TEST_CASE("commit: where halves travel in turn, updates hold one, and the other does not move") {
  const LayoutPtr layout = lora_layout({{"model.layers.0.self_attn.q_proj", 6, 4}}, 2);
  ParameterSet base(layout);
  fill_normal(Seed(2), base.values(), 1);
  for (const std::int64_t round : {1, 2}) {
    CAPTURE(round);
    const Half half = half_of_round(Travel::kAlternate, RoundId{round});
    CHECK((half == Half::kB) == (round == 1));
    const LayoutPtr part = travelling_layout(layout, half);
    CHECK(part->entries().size() == 1);
    MemoryUpdateStore updates;
    std::map<ClientId, UpdateOffer> contributors;
    for (const std::string client : {"a", "bb"}) {
      const FakeUpdate update = fake_update(part, client, RoundId{round}, AdapterVersion{round - 1});
      updates.put(RoundId{round}, {client}, update.bytes);
      contributors.emplace(ClientId{client}, update.offer);
      CHECK(decode_update(update.offer, update.bytes, layout).error().code == ErrorCode::kMismatch);
    }
    AggregationConfig config;
    config.strategy = "rolora";
    const auto aggregator = make_aggregator(config);
    const auto optimizer = make_server_optimizer(config);
    const Commit commit = commit_round(RoundId{round}, base, contributors, updates, *aggregator,
                                       *optimizer, travel_of(config));
    REQUIRE(commit.record.participants.size() == 2);
    CHECK(commit.record.cross_term == 0);
    for (const ParameterEntry& entry : layout->entries())
      CHECK(std::ranges::equal(commit.adapter.values(entry), std::as_const(base).values(entry)) ==
            !travels(entry.name, half));
  }
}

TEST_CASE("commit: control variates move by what the strategy says, not by the server optimizer") {
  const LayoutPtr layout = small_layout();
  AggregationConfig config;
  config.strategy = "scaffold";
  config.rule.population = 4;
  config.server_lr = 0.5;
  const ParameterSet base = first_version(config, ParameterSet(layout));
  MemoryUpdateStore updates;
  std::map<ClientId, UpdateOffer> contributors;
  const FakeUpdate update = fake_update(layout, "a", RoundId{1}, AdapterVersion{0});
  updates.put(RoundId{1}, {"a"}, update.bytes);
  contributors.emplace(ClientId{"a"}, update.offer);
  const auto aggregator = make_aggregator(config);
  const auto optimizer = make_server_optimizer(config);
  const Commit commit = commit_round(RoundId{1}, base, contributors, updates, *aggregator, *optimizer);
  REQUIRE(commit.record.participants.size() == 1);
  const Result<ParameterSet> delta = decode_update(update.offer, update.bytes, layout);
  REQUIRE(delta);
  const ParameterSet controls = controls_of(commit.adapter);
  for (std::size_t i = 0; i < layout->size(); ++i) {
    CHECK(commit.adapter.values()[i] == 0.5F * delta->values()[i]);
    CHECK(controls.values()[i] == doctest::Approx(-delta->values()[i] / 2 / 4));  // 2 steps
  }
  CHECK(commit.record.update_norm == doctest::Approx(0.5 * l2_norm(std::as_const(*delta).values())));
  CHECK(commit.record.participants[0].update_norm ==
        doctest::Approx(l2_norm(std::as_const(*delta).values())));
  const FakeUpdate too_much = fake_update(base.layout(), "b", RoundId{1}, AdapterVersion{0});
  CHECK(decode_update(too_much.offer, too_much.bytes, base.layout()).error().code ==
        ErrorCode::kMismatch);
}

TEST_CASE("commit: an update that does not tell what the strategy weighs by is dropped, not fatal") {
  const LayoutPtr layout = small_layout();
  const ParameterSet base(layout);
  MemoryUpdateStore updates;
  std::map<ClientId, UpdateOffer> contributors;
  for (const std::string client : {"a", "b"}) {
    FakeUpdate update = fake_update(layout, client, RoundId{1}, AdapterVersion{0});
    if (client == "b") update.offer.metrics = {{"first_loss", 2.0}};
    updates.put(RoundId{1}, {client}, update.bytes);
    contributors.emplace(ClientId{client}, update.offer);
  }
  AggregationConfig config;
  config.strategy = "qfedavg";
  const auto aggregator = make_aggregator(config);
  const auto optimizer = make_server_optimizer(config);
  const Commit commit = commit_round(RoundId{1}, base, contributors, updates, *aggregator, *optimizer);
  CHECK(commit.record.participants.size() == 1);
  REQUIRE(commit.dropped.size() == 1);
  CHECK(commit.dropped[0].first == ClientId{"a"});
}

TEST_CASE("commit: a rule that cannot do with what came drops it, with the reason") {
  const LayoutPtr layout = small_layout();
  const ParameterSet base(layout);
  MemoryUpdateStore updates;
  std::map<ClientId, UpdateOffer> contributors;
  for (const std::string client : {"a", "b", "c"}) {
    const FakeUpdate update = fake_update(layout, client, RoundId{1}, AdapterVersion{0});
    updates.put(RoundId{1}, {client}, update.bytes);
    contributors.emplace(ClientId{client}, update.offer);
  }
  AggregationConfig config;
  config.robust = "krum";
  config.rule.byzantine = 1;
  const auto aggregator = make_aggregator(config);
  const auto optimizer = make_server_optimizer(config);
  const Commit commit = commit_round(RoundId{1}, base, contributors, updates, *aggregator, *optimizer);
  CHECK(commit.record.participants.empty());
  REQUIRE(commit.dropped.size() == 3);
  CHECK(commit.dropped[0].second.message.find("krum needs 5 updates") == 0);
}

TEST_CASE("commit: the record tells what averaging the factors misses, and the codec") {
  const LayoutPtr layout = lora_layout({{"model.layers.0.self_attn.q_proj", 6, 4}}, 2);
  const ParameterSet base(layout);  // zeros: the adapters are the deltas
  MemoryUpdateStore updates;
  std::map<ClientId, UpdateOffer> contributors;
  for (const std::string client : {"a", "bb"}) {
    const FakeUpdate update = fake_update(layout, client, RoundId{1}, AdapterVersion{0});
    updates.put(RoundId{1}, {client}, update.bytes);
    contributors.emplace(ClientId{client}, update.offer);
  }
  const auto aggregator = make_aggregator({});
  const auto optimizer = make_server_optimizer({});
  const Commit commit = commit_round(RoundId{1}, base, contributors, updates, *aggregator, *optimizer);
  CHECK(commit.record.codec == "fp32");
  CHECK(commit.record.cross_term > 0.1);
  CHECK(commit.record.cross_term <= 1.5);
}

TEST_CASE("update stores: what is put is got, listed in order, and gone when erased") {
  const TempDir dir;
  DiskUpdateStore disk(dir / "updates");
  MemoryUpdateStore memory;
  for (UpdateStore* store : {static_cast<UpdateStore*>(&disk), static_cast<UpdateStore*>(&memory)}) {
    CHECK(store->list().empty());
    CHECK_THROWS_AS(store->get(RoundId{1}, {"a"}), IoError);
    const std::vector<std::byte> one(3, std::byte{1}), two(5, std::byte{2});
    store->put(RoundId{2}, {"a"}, one);
    store->put(RoundId{1}, {"b.2"}, one);
    store->put(RoundId{1}, {"a"}, one);
    store->put(RoundId{1}, {"a"}, two);
    CHECK(store->get(RoundId{1}, {"a"}) == two);
    CHECK(store->list() == std::vector<std::pair<RoundId, ClientId>>{
                               {RoundId{1}, {"a"}}, {RoundId{1}, {"b.2"}}, {RoundId{2}, {"a"}}});
    store->erase(RoundId{1}, {"a"});
    store->erase(RoundId{1}, {"a"});
    CHECK(store->list().size() == 2);
  }
}
