#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "aggregation/figures.h"
#include "aggregation/peft_adapters.h"
#include "aggregation/registry.h"
#include "coordinator/commands.h"
#include "core/error.h"
#include "core/files.h"
#include "core/params.h"

namespace fennec {

namespace fs = std::filesystem;

namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) out.push_back(part);
  return out;
}

std::vector<double> weights_of(const AggregateCommand& command) {
  if (command.weights.empty()) return std::vector<double>(command.adapters.size(), 1.0);
  std::vector<double> out;
  for (const std::string& text : split(command.weights)) {
    double value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc{} || end != text.data() + text.size() || !(value > 0 && value < 1e300))
      throw ConfigError("--weights: '" + text + "' is not a positive number");
    out.push_back(value);
  }
  if (out.size() != command.adapters.size())
    throw ConfigError(
        fmt::format("--weights: {} weights for {} adapters", out.size(), command.adapters.size()));
  return out;
}

RuleRequest request_of(const std::string& options) {
  Params root;
  root.kind = Params::Kind::kMap;
  root.where = "--options";
  for (const std::string& assignment : split(options)) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0)
      throw ConfigError("--options: '" + assignment + "' is not key=value, as in rank=9");
    Params value;
    value.kind = Params::Kind::kScalar;
    value.scalar = assignment.substr(equals + 1);
    value.where = "--options";
    root.map.emplace_back(assignment.substr(0, equals), std::move(value));
  }
  std::vector<std::string> errors;
  const RuleRequest request = read_config<RuleRequest>(root, errors);
  if (!errors.empty()) throw ConfigError(errors.front());
  if (const std::string problem = rule_problem(request.rule); !problem.empty())
    throw ConfigError("--options: " + problem);
  if (!(request.rank >= 0 && request.rank <= 65536))
    throw ConfigError(fmt::format("--options: rank must be between 0 and 65536, is {}", request.rank));
  if (!(request.energy >= 0 && request.energy <= 1))
    throw ConfigError(fmt::format("--options: energy must be between 0 and 1, is {}", request.energy));
  return request;
}

Strategy strategy_of(const AggregateCommand& command, const RuleRequest& request) {
  const Strategy strategy = strategy_named(command.strategy, "--strategy");
  if (strategy.parts.rule == nullptr)
    throw ConfigError("--strategy " + command.strategy + ": " +
                      std::string(strategy.parts.not_on_adapters));
  const auto fewest = fewest_updates(strategy.traits, request.rule.byzantine);
  if (static_cast<std::int64_t>(command.adapters.size()) < fewest)
    throw ConfigError(fmt::format("--strategy {} needs at least {} adapters with byzantine={}, got {}",
                                  command.strategy, fewest, request.rule.byzantine,
                                  command.adapters.size()));
  return strategy;
}

/// Puts the finished directory in place at once: by renaming, or by exchanging it with an earlier
/// adapter of that name.
void put_in_place(const fs::path& staged, const fs::path& out) {
  if (!fs::exists(out) || fs::is_empty(out)) {
    fs::rename(staged, out);
  } else {
    if (::renameat2(AT_FDCWD, staged.c_str(), AT_FDCWD, out.c_str(), RENAME_EXCHANGE) != 0)
      throw IoError(out.string() + ": cannot be replaced");
    fs::remove_all(staged);
  }
  sync_directory(out.parent_path());
}

void write_result(const fs::path& out, const PeftAdapters& inputs, const CombinedAdapter& combined) {
  if (fs::exists(out) &&
      !(fs::is_directory(out) && (fs::is_empty(out) || fs::exists(out / "adapter_config.json"))))
    throw ConfigError("--out " + out.string() + ": exists and is no adapter");
  fs::path place = fs::absolute(out).lexically_normal();
  if (!place.has_filename()) place = place.parent_path();  // "dir/"
  const fs::path staged =
      place.parent_path() / fmt::format(".{}.{}", place.filename().string(), ::getpid());
  try {
    write_peft_adapter(staged, inputs, combined.modules);
    for (std::size_t k = 0; k < combined.personal.size(); ++k)
      write_peft_adapter(staged / fmt::format("client-{}", k + 1), inputs, combined.personal[k]);
    put_in_place(staged, place);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(staged, ignored);
    throw;
  }
}

bool ranks_are_equal(const AdapterSet& set) {
  for (std::size_t m = 0; m < set.modules.size(); ++m)
    for (const ClientAdapter& client : set.clients)
      if (client.modules[m].rank() != set.clients[0].modules[m].rank()) return false;
  return true;
}

void print_result(const AggregateCommand& command, const AdapterSet& set,
                  const CombinedAdapter& combined) {
  const CombinedFigures figures = figures_of(set, combined.modules);
  const Eigen::Index rank = largest_rank(combined.modules);
  if (!command.json) {
    fmt::print(
        "{} of {} adapters, {} modules, rank {}: update norm {:.4g}, {:.3g} of it off the exact "
        "mean\n",
        command.strategy, set.clients.size(), set.modules.size(), rank, figures.update_norm,
        figures.error);
    for (const std::string& note : combined.notes) fmt::print("note: {}\n", note);
    fmt::print("written to {}\n", command.out.string());
    return;
  }
  nlohmann::ordered_json out{{"strategy", command.strategy},
                             {"out", command.out.string()},
                             {"adapters", set.clients.size()},
                             {"modules", set.modules.size()},
                             {"rank", rank},
                             {"update_norm", figures.update_norm},
                             {"error", figures.error}};
  if (ranks_are_equal(set)) out["cross_term"] = cross_term(set);
  for (const ClientAdapter& client : set.clients)
    out["clients"].push_back({{"adapter", client.name}, {"weight", client.weight}});
  out["notes"] = combined.notes;
  fmt::print("{}\n", out.dump());
}

}  // namespace

void aggregate_adapters(const AggregateCommand& command) {
  const RuleRequest request = request_of(command.options);
  const Strategy strategy = strategy_of(command, request);
  const PeftAdapters inputs = read_peft_adapters(command.adapters, weights_of(command));
  const CombinedAdapter combined = strategy.parts.rule(inputs.set, request);
  write_result(command.out, inputs, combined);
  print_result(command, inputs.set, combined);
}

}  // namespace fennec
