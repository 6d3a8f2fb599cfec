#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <memory>

#include "client/commands.h"
#include "client/merged_checkpoint.h"
#include "core/error.h"
#include "core/peft_directory.h"
#include "lora/portable_export.h"

namespace fennec {
namespace {

struct ExportCommand {
  std::string base, adapter, out, dtype = "base";
  bool portable = false;
};

const std::map<std::string, std::optional<Dtype>> kDtypes = {
    {"base", std::nullopt}, {"f32", Dtype::kF32}, {"bf16", Dtype::kBf16}, {"f16", Dtype::kF16}};

int export_merged(const ExportCommand& options) {
  const Dtype dtype =
      write_merged_checkpoint({options.base, options.adapter, options.out, kDtypes.at(options.dtype)});
  fmt::print("merged checkpoint in {} written to {}\n", to_string(dtype), options.out);
  return 0;
}

int export_portable(const ExportCommand& options) {
  const PeftAdapter adapter = to_portable(read_peft_directory(options.adapter));
  if (std::filesystem::exists(options.out) && !std::filesystem::is_empty(options.out))
    throw ConfigError("--out: " + options.out + " is there already");
  write_peft_directory(options.out, adapter.config, adapter.tensors);
  fmt::print("adapter of rank {} written to {}\n", adapter.config.r, options.out);
  return 0;
}

int run_export(const ExportCommand& options) {
  if (options.portable) return export_portable(options);
  if (options.base.empty()) throw ConfigError("--base is required, unless --portable is given");
  return export_merged(options);
}

}  // namespace

void add_export_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<ExportCommand>();
  CLI::App* command =
      app.add_subcommand("export",
                         "a base model with an adapter merged into it, for any program that "
                         "reads Hugging Face checkpoints; or the adapter alone as PEFT, vLLM and "
                         "llama.cpp all read it");
  command->add_option("--base", options->base, "Hugging Face directory of the base model");
  command->add_option("--adapter", options->adapter, "PEFT directory of the adapter")->required();
  command->add_option("--out", options->out, "directory to write; must not be there yet")->required();
  command
      ->add_option(
          "--dtype", options->dtype,
          "of the weights: base (as they are stored), f32, bf16, f16; 16 bits round the update")
      ->capture_default_str()
      ->check(CLI::IsMember(kDtypes));
  command
      ->add_flag("--portable", options->portable,
                 "write no model but the adapter: LoRA of one rank, its scale in B")
      ->excludes("--base")
      ->excludes("--dtype");
  command->footer(
      "Examples:\n"
      "  fennec-client export --base models/sensor-tiny --adapter adapter --out merged --dtype f32\n"
      "  fennec-client export --portable --adapter adapter --out portable\n");
  command->callback([&action, options] { action = [options] { return run_export(*options); }; });
}

}  // namespace fennec
