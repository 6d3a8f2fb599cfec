#include "simulations/pretrain.h"

#include <chrono>
#include <cmath>
#include <memory>
#include <numbers>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "configs/yaml.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/files.h"
#include "core/log.h"
#include "core/progress.h"
#include "lora/adamw.h"
#include "model/bpe_trainer.h"
#include "model/llama.h"
#include "model/save_checkpoint.h"
#include "simulations/model_card.h"
#include "simulations/pretrain_checkpoint.h"
#include "simulations/pretrain_curve.h"

namespace fennec {
namespace {

constexpr std::size_t kBatchesPerThread = 2;

LlamaConfig llama_config(const PretrainConfig& config, const Tokenizer& tokenizer) {
  LlamaConfig llama;
  llama.vocab_size = config.model.vocab;
  llama.hidden_size = config.model.hidden;
  llama.intermediate_size = config.model.intermediate;
  llama.num_layers = config.model.layers;
  llama.num_heads = config.model.heads;
  llama.num_kv_heads = config.model.kv_heads;
  llama.head_dim = config.model.hidden / config.model.heads;
  llama.rms_norm_eps = 1e-5;
  llama.tied_head = true;
  llama.rope.theta = config.model.rope_theta;
  llama.rope.max_positions = config.model.max_positions;
  llama.bos_token_id = llama.eos_token_id = tokenizer.eos().front();
  return llama;
}

Tokenizer make_tokenizer(const PretrainConfig& config, const SensorCorpus& corpus,
                         const std::filesystem::path& out) {
  if (!std::filesystem::exists(out / "tokenizer.json")) {
    BpeTrainer trainer({.vocab_size = static_cast<std::size_t>(config.model.vocab)});
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(config.tokenizer_documents); ++i)
      trainer.add(to_text(corpus.document(i)));
    trainer.write(out);
  }
  return Tokenizer::load(out);
}

/// One training run in memory.
class Pretraining {
 public:
  Pretraining(const PretrainConfig& config, const std::filesystem::path& out)
      : config_(config),
        out_(out),
        corpus_(Seed(config.seed).child("corpus")),
        tokenizer_(make_tokenizer(config, corpus_, out)),
        model_(new_llama(llama_config(config, tokenizer_), Seed(config.seed).child("model"))),
        parameters_(leaves(*model_)),
        optimizer_(parameters_, {config.beta1, config.beta2, 1e-8, config.weight_decay},
                   decaying(parameters_)),
        held_out_(make_held_out(tokenizer_, config)),
        run_(to_hex(sha256(write_config(config)))) {}

  /// @return false when asked to stop
  bool run(const std::function<bool(std::int64_t)>& keep_going) {
    const auto started = SteadyClock().now();
    std::int64_t step = load_pretrain_checkpoint(checkpoint(), *model_, optimizer_, run_).value_or(0);
    curve_ = read_curve(out_ / "state" / "curve.csv", step);
    if (!curve_.empty()) tokens_ = curve_.back().tokens;
    const double seconds_before = curve_.empty() ? 0 : curve_.back().seconds;
    const std::int64_t first_step = step, first_tokens = tokens_;
    Progress progress("pretraining", total_steps(config_));
    PretrainLoss since;
    for (; step < total_steps(config_); ++step) {
      if (keep_going && !keep_going(step)) return false;
      const PretrainLoss loss = train_step(step);
      since.add(loss);
      const double seconds = to_seconds(SteadyClock().now() - started);
      const double speed = static_cast<double>(tokens_ - first_tokens) / seconds;
      progress.advance_to(
          step + 1,
          fmt::format("answers {:.3f}, context {:.3f} nats/token, {:.0f} tokens/s, {:.0f} min left",
                      loss.answer(), loss.context(), speed,
                      seconds / static_cast<double>(step + 1 - first_step) *
                          static_cast<double>(total_steps(config_) - step - 1) / 60));
      const bool last = step + 1 == total_steps(config_);
      if ((step + 1) % config_.evaluate_steps == 0 || last) {
        record(step + 1, since, seconds_before + seconds);
        since = {};
      }
      // Checkpoints fall on rows of the curve, so that a resumed run continues both alike.
      if ((step + 1) % config_.checkpoint_steps == 0 || last)
        save_pretrain_checkpoint(checkpoint(), *model_, optimizer_, run_);
    }
    progress.finish();
    return true;
  }

  PretrainResult finish(const std::string& command) {
    save_checkpoint(*model_, out_, Dtype::kBf16);
    write_file_atomically(
        out_ / "generation_config.json",
        fmt::format(
            "{{\n  \"bos_token_id\": {0},\n  \"eos_token_id\": {0},\n  \"pad_token_id\": {1}\n}}\n",
            tokenizer_.eos().front(), tokenizer_.pad()));
    PretrainResult result{curve_, evaluate_held_out(*model_, held_out_, tokenizer_.pad()), 0, tokens_};
    for (const at::Tensor& p : parameters_) result.parameters += p.numel();
    write_model_card(out_, config_, result, command);
    return result;
  }

 private:
  static std::vector<at::Tensor> leaves(const CausalLm& model) {
    std::vector<at::Tensor> all;
    for (const auto& [name, tensor] : model.parameters()) all.push_back(tensor.set_requires_grad(true));
    return all;
  }
  static std::vector<bool> decaying(const std::vector<at::Tensor>& tensors) {
    std::vector<bool> flags;
    for (const at::Tensor& tensor : tensors) flags.push_back(tensor.dim() > 1);  // norms do not decay
    return flags;
  }
  std::filesystem::path checkpoint() const { return out_ / "state" / "checkpoint.safetensors"; }

  PretrainLoss train_step(std::int64_t step) {
    std::vector<PretrainDocument> documents;
    const auto first =
        static_cast<std::uint64_t>(step) * static_cast<std::uint64_t>(config_.documents_per_step);
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(config_.documents_per_step); ++i)
      documents.push_back(tokenize_document(tokenizer_, corpus_.document(first + i),
                                            static_cast<std::size_t>(config_.max_document_tokens)));
    const auto batches = make_batches(std::move(documents),
                                      static_cast<std::size_t>(config_.threads) * kBatchesPerThread,
                                      config_.context_weight, tokenizer_.pad());
    for (const PretrainBatch& batch : batches) tokens_ += batch.tokens;
    const PretrainLoss loss = accumulate_gradients(*model_, parameters_, batches, config_.threads);
    if (!std::isfinite(loss.answer_nats + loss.context_nats))
      throw IoError(fmt::format("pretraining diverged at step {}: lower the peak of the cycle", step));
    clip_grad_norm(parameters_, config_.clip_norm);
    optimizer_.step(learning_rate_at(config_, step));
    return loss;
  }

  void record(std::int64_t step, const PretrainLoss& train, double seconds) {
    const HeldOutScore score = evaluate_held_out(*model_, held_out_, tokenizer_.pad());
    curve_.push_back({step, tokens_, train.context(), train.answer(), score.loss.context(),
                      score.loss.answer(), score.accuracy(), seconds});
    write_curve(out_ / "state" / "curve.csv", curve_);
    log::info("step {}: held-out answers {:.3f} nats/token, {:.1f} % exact, context {:.3f}", step,
              score.loss.answer(), 100 * score.accuracy(), score.loss.context());
  }

  const PretrainConfig& config_;
  std::filesystem::path out_;
  SensorCorpus corpus_;
  Tokenizer tokenizer_;
  std::unique_ptr<CausalLm> model_;
  std::vector<at::Tensor> parameters_;
  AdamW optimizer_;
  HeldOut held_out_;
  std::string run_;
  std::vector<PretrainProgress> curve_;
  std::int64_t tokens_ = 0;
};

}  // namespace

std::int64_t total_steps(const PretrainConfig& config) {
  std::int64_t steps = 0;
  for (const LearningRateCycle& cycle : config.cycles) steps += cycle.steps;
  return steps;
}

double learning_rate_at(const PretrainConfig& config, std::int64_t step) {
  double before = 0;
  for (const LearningRateCycle& cycle : config.cycles) {
    if (step < cycle.steps) {
      const double s = static_cast<double>(step);
      if (step < config.warmup_steps)
        return before + (cycle.peak - before) * (s + 1) / config.warmup_steps;
      const double done = (s - config.warmup_steps) / std::max(1, cycle.steps - config.warmup_steps);
      return cycle.last + 0.5 * (cycle.peak - cycle.last) * (1 + std::cos(std::numbers::pi * done));
    }
    step -= cycle.steps;
    before = cycle.last;
  }
  return before;
}

std::vector<std::string> validate(const PretrainConfig& c) {
  std::vector<std::string> errors;
  const auto require = [&](bool ok, const std::string& what) {
    if (!ok) errors.push_back(what);
  };
  require(c.model.heads > 0 && c.model.hidden % c.model.heads == 0,
          "model.hidden must be a multiple of model.heads");
  require(c.model.kv_heads > 0 && c.model.heads % c.model.kv_heads == 0,
          "model.heads must be a multiple of model.kv_heads");
  require(c.model.layers > 0 && c.model.intermediate > 0,
          "model.layers and model.intermediate must be at least 1");
  require(c.model.vocab >= 258, "model.vocab must be at least 258: 256 bytes and two special tokens");
  require(c.model.max_positions >= c.max_document_tokens,
          "model.max_positions must be at least max_document_tokens");
  require(c.max_document_tokens >= 32, "max_document_tokens must be at least 32");
  require(c.threads >= 1, "threads must be at least 1");
  require(c.documents_per_step >= static_cast<int>(kBatchesPerThread) * c.threads,
          "documents_per_step must be at least twice threads");
  require(!c.cycles.empty() && c.warmup_steps >= 0,
          "cycles must not be empty and warmup_steps at least 0");
  for (const LearningRateCycle& cycle : c.cycles)
    require(cycle.steps >= 1 && cycle.peak > 0 && cycle.last >= 0,
            "a cycle needs steps of at least 1 and positive step sizes");
  require(c.context_weight > 0 && c.context_weight <= 1,
          "context_weight must be above 0 and at most 1");
  require(c.tokenizer_documents >= 1 && c.held_out_documents >= 1,
          "tokenizer_documents and held_out_documents must be at least 1");
  require(
      c.evaluate_steps >= 1 && c.checkpoint_steps >= 1 && c.checkpoint_steps % c.evaluate_steps == 0,
      "checkpoint_steps must be a multiple of evaluate_steps");
  return errors;
}

PretrainConfig load_pretrain_config(const std::filesystem::path& file) {
  std::vector<std::string> errors;
  const auto config = read_config<PretrainConfig>(load_yaml(file), errors);
  if (errors.empty())
    for (const std::string& error : validate(config)) errors.push_back(file.string() + ": " + error);
  if (errors.empty()) return config;
  std::string all;
  for (const std::string& error : errors) all += (all.empty() ? "" : "\n") + error;
  throw ConfigError(all);
}

PretrainResult pretrain(const PretrainConfig& config, const std::filesystem::path& out,
                        const std::string& command,
                        const std::function<bool(std::int64_t)>& keep_going) {
  std::filesystem::create_directories(out / "state");
  Pretraining training(config, out);
  return training.run(keep_going) ? training.finish(command) : PretrainResult{};
}

}  // namespace fennec
