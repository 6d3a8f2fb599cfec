#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "simulations/pretrain_config.h"
#include "simulations/pretrain_evaluation.h"

namespace fennec {

/// Parses and checks; throws one ConfigError that lists every problem.
PretrainConfig load_pretrain_config(const std::filesystem::path& file);
std::vector<std::string> validate(const PretrainConfig& config);
std::int64_t total_steps(const PretrainConfig& config);
double learning_rate_at(const PretrainConfig& config, std::int64_t step);

/// One row of the loss curve; nats per token.
struct PretrainProgress {
  std::int64_t step = 0, tokens = 0;
  double train_context = 0, train_answer = 0;        ///< means since the last row
  double held_out_context = 0, held_out_answer = 0;  ///< of the weights at this step
  double held_out_accuracy = 0;  ///< answers whose every token is the most likely one
  double seconds = 0;
};

/// What a finished pretraining knows about itself: model card and tests read it.
struct PretrainResult {
  std::vector<PretrainProgress> curve;
  HeldOutScore held_out;
  std::int64_t parameters = 0, tokens = 0;
};

/// Learns a tokenizer and a Llama from generated sensor text and writes a Hugging Face directory:
/// tokenizer, config, bf16 weights, generation_config.json, model card with loss curve. Resumes from
/// `out`/state when it was interrupted; the result is the same bytes. `command` is quoted in the card.
/// @param keep_going  asked before each step; false leaves everything as a kill would: nothing is
/// exported
PretrainResult pretrain(const PretrainConfig& config, const std::filesystem::path& out,
                        const std::string& command,
                        const std::function<bool(std::int64_t step)>& keep_going = {});

}  // namespace fennec
