#pragma once
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/adapter_plan.h"
#include "core/error.h"
#include "core/parameter_set.h"
#include "core/rng.h"
#include "data/example.h"
#include "lora/lora_config.h"
#include "model/tokenizer.h"

namespace fennec {

class CausalLm;
class ExamplePrivacy;
class PrefixStore;

/// An example as token ids: prompt then completion then end-of-text; loss on the latter two only. Of a
/// conversation, all before the last answer is the prompt, and the end of the turn ends it.
struct TokenizedExample {
  std::vector<TokenId> ids;
  std::size_t prompt_tokens = 0;  ///< ids before this are context (label −100)
  std::string label = {};         ///< the task, and its answer if that is a label: for selection
};

/// @param max_tokens  a longer example loses the start of its prompt. Throws ConfigError when a
/// conversation meets a tokenizer without a known chat format.
TokenizedExample tokenize_example(const Tokenizer& tokenizer, const Example& example,
                                  std::size_t max_tokens);
std::vector<TokenizedExample> tokenize_examples(const Tokenizer& tokenizer,
                                                const std::vector<Example>& examples,
                                                std::size_t max_tokens);

struct TrainReport {
  std::int64_t steps = 0;
  std::int64_t num_examples = 0;                        ///< examples seen, repeats counted
  std::int64_t supervised_tokens = 0;                   ///< summed over steps
  double first_loss = 0, last_loss = 0, mean_loss = 0;  ///< nats per supervised token
  double seconds = 0;
  std::int64_t examples_offered = 0, examples_chosen = 0;  ///< what selection left of them
  /// Examples that the frozen first layers were computed for in this run, and those whose states were
  /// kept from before; repeats counted. 0 when the first layer is adapted.
  std::int64_t prefixes_computed = 0, prefixes_reused = 0;
};

struct TrainHooks {
  std::stop_token stop;  ///< asked once a step
  std::function<void(std::int64_t step, std::int64_t total, double loss)> on_step;
  std::filesystem::path checkpoint;  ///< file to resume from and save to; empty = none
  /// Tensors of the adapter that are trained; the others stay as they are. Empty = all.
  std::function<bool(const std::string& tensor)> trains;
  /// Added to the adapter at each step, over its layout (SCAFFOLD); train.optimizer sgd only. Null =
  /// nothing; else it outlives the training.
  const ParameterSet* correction = nullptr;
  /// Of single examples (lora/example_privacy.h): it says who is in a step and how many there are.
  /// Null: none. Outlives the training.
  ExamplePrivacy* privacy = nullptr;
  /// Keeps what train.prefix_cache asks for; outlives the training. Null: nothing is kept. It changes
  /// no bit but by its precision.
  PrefixStore* prefix_store = nullptr;
};

/// Local steps on an adapter attached to a frozen model, by train.optimizer. The same (adapter,
/// examples, config, seed) give the same bits with any interruption and resume. Owns nothing of the
/// model; not thread-safe.
class Trainer {
 public:
  /// @param model  frozen; the trainer attaches the adapter and detaches it in its destructor
  /// @param frozen  tensors of the adapter that are not trained; outlives the trainer
  Trainer(CausalLm& model, const LoraConfig& lora, const TrainConfig& train,
          const ParameterSet& frozen = kNothingFrozen);
  ~Trainer();
  /// Trains `adapter` in place. kBudget when stopped, kNumeric on a non-finite loss or a tensor-library
  /// failure; `adapter` is then unspecified and the checkpoint, if any, stands.
  Result<TrainReport> train(ParameterSet& adapter, const std::vector<TokenizedExample>& examples,
                            Seed seed, const TrainHooks& hooks = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fennec
