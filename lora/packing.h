#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/rng.h"
#include "lora/trainer.h"
#include "model/causal_lm.h"

namespace fennec {

/// Examples that share one row of a batch, as positions in the list of examples.
using PackedRow = std::vector<std::size_t>;
/// Rows of one optimizer step.
using PackedBatch = std::vector<PackedRow>;

struct PackingLimits {
  std::size_t row_tokens = 512;     ///< longest row; a longer example has one of its own
  std::size_t batch_tokens = 1024;  ///< rows × longest row of a step, unless one row alone is more
};

/// The row length, at most `longest`, that wastes least: short rows are padded, long ones make
/// attention see more.
std::size_t best_row_tokens(const std::vector<TokenizedExample>& examples, std::size_t longest,
                            std::size_t batch_tokens);

/// One pass over all examples, each exactly once: first-fit into rows in the order of a shuffle of
/// `seed`, rows of like length into steps, steps in shuffled order.
std::vector<PackedBatch> pack_epoch(const std::vector<TokenizedExample>& examples,
                                    const PackingLimits& limits, Seed seed);

/// An example's place in a batch.
struct PlacedExample {
  std::size_t example = 0;  ///< position in the list of examples
  std::int64_t row = 0;     ///< of its first token in the flattened batch
};

struct TrainBatch {
  TokenBatch tokens;  ///< [B, T], T = the longest row
  at::Tensor labels;  ///< [B, T] int64, −100 = no loss
  std::vector<PlacedExample> examples;
};

TrainBatch make_batch(const std::vector<TokenizedExample>& examples, const PackedBatch& rows);

/// The batches of a whole local training run, epoch after epoch; any step can be asked for, so a
/// resumed run needs nothing but its step number.
class BatchSchedule {
 public:
  /// @param examples  outlives the schedule; not empty
  BatchSchedule(const std::vector<TokenizedExample>& examples, const TrainConfig& config, Seed seed);
  std::int64_t total_steps() const { return total_steps_; }
  TrainBatch at(std::int64_t step);

 private:
  const std::vector<PackedBatch>& epoch(std::size_t index);
  std::size_t epoch_size(std::size_t index);

  const std::vector<TokenizedExample>& examples_;
  PackingLimits limits_;
  Seed seed_;
  std::vector<std::size_t> sizes_;    ///< batches of each epoch looked at so far
  std::vector<PackedBatch> current_;  ///< only one epoch is in memory at a time
  std::optional<std::size_t> current_index_;
  std::int64_t total_steps_ = 0;
};

}  // namespace fennec
