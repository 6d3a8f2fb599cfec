#include "coordinator/commit.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

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
