#include "lora/packing.h"

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/lora/tiny_llama.h"

using namespace fennec;  // NOLINT: test
using test::random_examples;

namespace {

std::size_t row_tokens(const std::vector<TokenizedExample>& examples, const PackedRow& row) {
  std::size_t tokens = 0;
  for (const std::size_t i : row) tokens += examples[i].ids.size();
  return tokens;
}

}  // namespace

TEST_CASE("an epoch holds every example once, within the limits") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    const auto examples = random_examples(1 + seed * 3, 1 + seed % 28, seed);
    const PackingLimits limits{32, 32 + 16 * (seed % 5)};
    std::multiset<std::size_t> seen;
    for (const PackedBatch& batch : pack_epoch(examples, limits, Seed(seed))) {
      std::size_t widest = 0;
      for (const PackedRow& row : batch) {
        CHECK_FALSE(row.empty());
        seen.insert(row.begin(), row.end());
        widest = std::max(widest, row_tokens(examples, row));
      }
      CHECK(widest <= limits.row_tokens);
      CHECK((batch.size() == 1 || widest * batch.size() <= limits.batch_tokens));
    }
    CHECK(seen.size() == examples.size());
    CHECK(std::set<std::size_t>(seen.begin(), seen.end()).size() == examples.size());
  }
}

TEST_CASE("first fit wastes at most half of the rows, and no two rows could have been one") {
  const auto examples = random_examples(200, 28, 5);
  std::vector<std::size_t> sizes;
  for (const PackedBatch& batch : pack_epoch(examples, {64, 4096}, Seed(1)))
    for (const PackedRow& row : batch) sizes.push_back(row_tokens(examples, row));
  std::sort(sizes.begin(), sizes.end());
  CHECK(sizes[0] + sizes[1] > 64);
}

TEST_CASE("rows are no longer than they need to be, and no shorter") {
  const auto padded = [](const std::vector<TokenizedExample>& examples, std::size_t row_tokens) {
    std::size_t tokens = 0;
    for (const PackedBatch& batch : pack_epoch(examples, {row_tokens, 1024}, Seed(1))) {
      std::size_t widest = 0;
      for (const PackedRow& row : batch) widest = std::max(widest, ::row_tokens(examples, row));
      tokens += widest * batch.size();
    }
    return tokens;
  };
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const auto examples = random_examples(100, 60, seed);
    const std::size_t best = best_row_tokens(examples, 512, 1024);
    CHECK(best < 512);
    CHECK(padded(examples, best) < 1.15 * static_cast<double>(padded(examples, 512)));
  }
  std::vector<TokenizedExample> alike(20, random_examples(1, 1, 1)[0]);  // four tokens each
  CHECK(best_row_tokens(alike, 64, 256) == 4);
  CHECK(best_row_tokens(alike, 3, 256) == 3);  // examples longer than the limit: rows of their own
  CHECK(pack_epoch(alike, {3, 256}, Seed(1)).size() == 1);
}

TEST_CASE("equal seeds give equal orders, others do not") {
  const auto examples = random_examples(50, 10, 5);
  const PackingLimits limits{32, 64};
  CHECK(pack_epoch(examples, limits, Seed(1)) == pack_epoch(examples, limits, Seed(1)));
  CHECK(pack_epoch(examples, limits, Seed(1)) != pack_epoch(examples, limits, Seed(2)));
}

TEST_CASE("a batch carries each document with its labels, segments and positions") {
  const auto examples = random_examples(7, 6, 3);
  const PackedBatch rows = {{4, 0}, {2}, {6, 1, 3}};
  const TrainBatch batch = make_batch(examples, rows);
  CHECK(batch.examples.size() == 6);
  const std::int64_t width = batch.tokens.ids.size(1);
  std::set<std::int64_t> documents;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::int64_t t = 0;
    const auto at = [&](const at::Tensor& tensor) {
      return tensor[static_cast<std::int64_t>(r)][t].item<std::int64_t>();
    };
    for (const std::size_t i : rows[r]) {
      const PlacedExample& placed = batch.examples[documents.size()];
      CHECK(placed.example == i);
      CHECK(placed.row == static_cast<std::int64_t>(r) * width + t);
      const std::int64_t document = at(batch.tokens.segments);
      CHECK(documents.insert(document).second);
      for (std::size_t k = 0; k < examples[i].ids.size(); ++k, ++t) {
        CHECK(at(batch.tokens.ids) == examples[i].ids[k]);
        CHECK(at(batch.tokens.segments) == document);
        CHECK(at(batch.tokens.positions) == static_cast<std::int64_t>(k));
        CHECK(at(batch.labels) == (k < examples[i].prompt_tokens ? -100 : examples[i].ids[k]));
      }
    }
    for (; t < width; ++t) {
      CHECK(at(batch.tokens.segments) == -1);
      CHECK(at(batch.labels) == -100);
    }
  }
}

TEST_CASE("the loss of a packed batch is the sum of its documents' losses alone") {
  const auto model = test::tiny_llama();
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    auto examples = random_examples(9, 12, seed);
    examples[0].prompt_tokens = 0;  // no context at all: the first token has no loss
    double alone = 0;
    std::int64_t positions = 0;
    PackedBatch together, single_rows;
    for (std::size_t i = 0; i < examples.size(); ++i) {
      const TrainBatch one = make_batch(examples, {{i}});
      const LossSum loss = supervised_loss(*model, one.tokens, one.labels);
      alone += loss.sum.item<double>();
      positions += loss.positions;
      single_rows.push_back({i});
      if (i % 3 == 0) together.emplace_back();
      together.back().push_back(i);
    }
    for (const PackedBatch& rows : {together, single_rows}) {
      const TrainBatch batch = make_batch(examples, rows);
      CHECK(batch.tokens.segments.defined() == (rows.size() < examples.size()));
      const LossSum loss = supervised_loss(*model, batch.tokens, batch.labels);
      CHECK(loss.positions == positions);
      CHECK(loss.sum.item<double>() == doctest::Approx(alone).epsilon(1e-5));
    }
  }
}

TEST_CASE("a schedule counts steps or epochs, and any step can be asked for") {
  const auto examples = random_examples(30, 10, 5);
  TrainConfig config;
  config.batch_tokens = 64;
  config.max_sequence_tokens = 32;
  config.local_steps = 17;
  BatchSchedule forward(examples, config, Seed(2)), direct(examples, config, Seed(2));
  REQUIRE(forward.total_steps() == 17);
  std::vector<TrainBatch> batches;
  for (std::int64_t step = 0; step < 17; ++step) batches.push_back(forward.at(step));
  CHECK(at::equal(direct.at(16).tokens.ids, batches[16].tokens.ids));
  CHECK(at::equal(direct.at(3).labels, batches[3].labels));

  config.local_epochs = 2;
  BatchSchedule epochs(examples, config, Seed(2));
  std::int64_t seen = 0;
  for (std::int64_t step = 0; step < epochs.total_steps(); ++step)
    seen += static_cast<std::int64_t>(epochs.at(step).examples.size());
  CHECK(seen == 60);
  CHECK(at::equal(epochs.at(0).tokens.ids, batches[0].tokens.ids));
  CHECK_FALSE(at::equal(epochs.at(0).tokens.ids, epochs.at(epochs.total_steps() / 2).tokens.ids));
}
