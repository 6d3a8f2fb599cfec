#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>

#include "client/commands.h"
#include "client/merged_checkpoint.h"

namespace fennec {
namespace {

struct Options {
  std::string base, adapter, out, dtype = "base";
};

const std::map<std::string, std::optional<Dtype>> kDtypes = {
    {"base", std::nullopt}, {"f32", Dtype::kF32}, {"bf16", Dtype::kBf16}, {"f16", Dtype::kF16}};

int export_merged(const Options& options) {
  const Dtype dtype =
      write_merged_checkpoint({options.base, options.adapter, options.out, kDtypes.at(options.dtype)});
  fmt::print("merged checkpoint in {} written to {}\n", to_string(dtype), options.out);
  return 0;
}

}  // namespace

void add_export_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("export",
                         "a base model with an adapter merged into it, for any program that "
                         "reads Hugging Face checkpoints");
  command->add_option("--base", options->base, "Hugging Face directory of the base model")->required();
  command->add_option("--adapter", options->adapter, "PEFT directory of the adapter")->required();
  command->add_option("--out", options->out, "directory to write; must not be there yet")->required();
  command
      ->add_option(
          "--dtype", options->dtype,
          "of the weights: base (as they are stored), f32, bf16, f16; 16 bits round the update")
      ->capture_default_str()
      ->check(CLI::IsMember(kDtypes));
  command->footer(
      "Example:\n"
      "  fennec-client export --base models/sensor-tiny --adapter adapter --out merged --dtype f32\n");
  command->callback([&action, options] { action = [options] { return export_merged(*options); }; });
}

}  // namespace fennec
