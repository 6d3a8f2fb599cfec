#include <ATen/core/ivalue.h>  // first: ATen.h alone does not compile with Clang 14 in C++20
//
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <CLI/CLI.hpp>
#include <cstring>
#include <memory>

#include "client/base_precision.h"
#include "client/commands.h"
#include "client/loaded_model.h"
#include "core/error.h"
#include "core/files.h"
#include "core/safetensors.h"

namespace fennec {
namespace {

struct LogitsCommand {
  std::string base, adapter, base_precision = "fp32", out;
  std::vector<std::int64_t> ids;
};

void check_ids(const std::vector<std::int64_t>& ids, const CausalLm& model) {
  for (const std::int64_t id : ids)
    if (id < 0 || id >= model.vocab_size())
      throw ConfigError("--ids: " + std::to_string(id) + " is no token of this model (0 to " +
                        std::to_string(model.vocab_size() - 1) + ")");
  if (static_cast<std::int64_t>(ids.size()) > model.max_positions())
    throw ConfigError("--ids: " + std::to_string(ids.size()) + " tokens, the model takes " +
                      std::to_string(model.max_positions()));
}

int write_logits(const LogitsCommand& options) {
  const at::NoGradGuard no_grad;
  const AdaptedModel loaded = load_adapted_model(options.base, options.adapter, options.base_precision);
  check_ids(options.ids, *loaded.model);
  const auto tokens = static_cast<std::int64_t>(options.ids.size());
  const at::Tensor ids = at::tensor(options.ids, at::kLong).view({1, tokens});                 // [1, T]
  const at::Tensor hidden = loaded.model->hidden({ids, {}, {}}).reshape({tokens, -1});         // [T, D]
  const at::Tensor logits = loaded.model->head(hidden).to(at::kCPU, at::kFloat).contiguous();  // [T, V]
  const auto* data = reinterpret_cast<const std::byte*>(logits.data_ptr<float>());
  const auto file =
      write_safetensors({{"logits", Dtype::kF32, logits.sizes().vec(), {data, logits.nbytes()}}});
  write_file_atomically(options.out, file);
  return 0;
}

}  // namespace

void add_logits_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<LogitsCommand>();
  CLI::App* command = app.add_subcommand(
      "logits", "what the model predicts after each token, to compare with other implementations");
  command->add_option("--base", options->base, "Hugging Face directory of the base model")->required();
  command->add_option("--adapter", options->adapter, "PEFT directory of an adapter to put on top");
  add_base_precision(*command, options->base_precision);
  command->add_option("--ids", options->ids, "token ids, separated by commas")
      ->required()
      ->delimiter(',');
  command->add_option("--out", options->out, "safetensors file to write: tensor \"logits\" [T, V], F32")
      ->required();
  command->footer(
      "Example:\n"
      "  fennec-client logits --base models/sensor-tiny --ids 12,7,99 --out logits.safetensors\n");
  command->callback([&action, options] { action = [options] { return write_logits(*options); }; });
}

}  // namespace fennec
