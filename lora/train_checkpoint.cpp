#include "lora/train_checkpoint.h"

#include <algorithm>
#include <array>

#include "core/digest.h"
#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/params.h"
#include "core/safetensors.h"

namespace fennec {

namespace {

void absorb(Sha256& hash, std::uint64_t value) { hash.update(std::as_bytes(std::span(&value, 1))); }

template <class Values>
TensorView view(const std::string& name, Dtype dtype, const Values& values) {
  return {name, dtype, {static_cast<std::int64_t>(values.size())}, std::as_bytes(std::span(values))};
}

template <class T>
std::vector<T> read(const Safetensors& file, std::string_view name, Dtype dtype) {
  const TensorView* tensor = file.find(name);
  if (tensor == nullptr || tensor->dtype != dtype)
    throw IoError("no tensor '" + std::string(name) + "'");
  std::vector<T> values(tensor->element_count());
  std::ranges::copy(tensor->bytes, std::as_writable_bytes(std::span(values)).begin());
  return values;
}

TrainCheckpoint read_checkpoint(const Safetensors& file) {
  TrainCheckpoint checkpoint;
  checkpoint.adapter = read<float>(file, "adapter", Dtype::kF32);
  checkpoint.memory.first_moment = read<float>(file, "first_moment", Dtype::kF32);
  checkpoint.memory.second_moment = read<float>(file, "second_moment", Dtype::kF32);
  const auto counts = read<std::int64_t>(file, "counts", Dtype::kI64);
  const auto losses = read<double>(file, "losses", Dtype::kF64);
  if (counts.size() != 4 || losses.size() != 3) throw IoError("not a training checkpoint");
  checkpoint.report.steps = counts[0];
  checkpoint.report.num_examples = counts[1];
  checkpoint.report.supervised_tokens = counts[2];
  checkpoint.memory.steps = counts[3];
  checkpoint.report.first_loss = losses[0];
  checkpoint.report.last_loss = losses[1];
  checkpoint.loss_sum = losses[2];
  return checkpoint;
}

}  // namespace

std::string training_identity(const ParameterSet& start, const ParameterSet& frozen,
                              const ParameterSet* correction,
                              const std::vector<TokenizedExample>& examples, const LoraConfig& lora,
                              const TrainConfig& train, Seed seed) {
  TrainConfig relevant = train;
  relevant.checkpoint_steps = 0;  // how often one saves changes nothing that is saved
  Sha256 hash;
  hash.update(start.layout()->digest());
  hash.update(start.bytes());
  hash.update(frozen.bytes());
  if (correction != nullptr) hash.update(correction->bytes());
  hash.update(write_config(lora) + write_config(relevant));
  absorb(hash, seed.key());
  for (const TokenizedExample& example : examples) {
    absorb(hash, example.prompt_tokens);
    absorb(hash, example.ids.size());
    hash.update(std::as_bytes(std::span(example.ids)));
    absorb(hash, example.label.size());
    hash.update(example.label);
  }
  return to_hex(hash.finish());
}

void save_train_checkpoint(const std::filesystem::path& file, const std::string& identity,
                           const TrainCheckpoint& checkpoint) {
  const TrainReport& report = checkpoint.report;
  const std::array<std::int64_t, 4> counts{report.steps, report.num_examples, report.supervised_tokens,
                                           checkpoint.memory.steps};
  const std::array<double, 3> losses{report.first_loss, report.last_loss, checkpoint.loss_sum};
  const auto bytes =
      write_safetensors({view("adapter", Dtype::kF32, checkpoint.adapter),
                         view("first_moment", Dtype::kF32, checkpoint.memory.first_moment),
                         view("second_moment", Dtype::kF32, checkpoint.memory.second_moment),
                         view("counts", Dtype::kI64, counts), view("losses", Dtype::kF64, losses)},
                        {{"training", identity}});
  write_file_atomically(file, bytes);
}

std::optional<TrainCheckpoint> load_train_checkpoint(const std::filesystem::path& file,
                                                     const std::string& identity) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  try {
    const Safetensors saved = Safetensors::open(file);
    const auto owner = saved.metadata().find("training");
    if (owner != saved.metadata().end() && owner->second == identity) return read_checkpoint(saved);
    log::info("{}: belongs to other training, starting afresh", file.string());
  } catch (const IoError& e) {
    log::warn("training checkpoint ignored: {}", e.what());
  }
  return std::nullopt;
}

}  // namespace fennec
