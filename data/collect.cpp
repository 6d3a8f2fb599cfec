#include "data/collect.h"

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "core/error.h"
#include "data/host_sensors.h"

namespace fennec {
namespace {

constexpr int kShownSamples = 8;  // samples a prompt shows
constexpr int kAhead = 5;         // seconds ahead the busy-level question looks

std::string host_name(const std::filesystem::path& root) {
  std::ifstream in(root / "proc/sys/kernel/hostname");
  std::string name;
  return in >> name ? name : "host";
}

Table to_table(const std::vector<std::map<std::string, double>>& samples) {
  Table table;
  table.source = "host sensors";
  for (const HostQuantity& quantity : host_quantities())
    if (std::any_of(samples.begin(), samples.end(),
                    [&](const auto& sample) { return sample.count(quantity.name) != 0; }))
      table.columns.emplace_back(quantity.name);
  for (const auto& sample : samples) {
    std::vector<std::string> cells;
    for (const std::string& column : table.columns) {
      const auto it = sample.find(column);
      char text[32] = "?";
      if (it != sample.end()) std::snprintf(text, sizeof text, "%.3f", it->second);
      cells.emplace_back(text);
    }
    table.rows.push_back(std::move(cells));
    table.lines.push_back(table.rows.size());
  }
  return table;
}

TaskConfig question(const std::string& name, const std::string& kind, int horizon,
                    const std::string& prompt) {
  TaskConfig task;
  task.task = name;
  task.kind = kind;
  task.window = kShownSamples;
  task.horizon = horizon;
  task.prompt = prompt;
  return task;
}

bool has(const std::vector<std::string>& columns, const std::string& column) {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

/// Adds two values for a quantity, "x" for prompts and "now_x" for answers.
/// @return its part of the prompt
std::string describe(RecipeConfig& recipe, const HostQuantity& quantity) {
  // Quantities of the processor and the network move within seconds; the others are said once.
  const bool fast = has({"cpu_pct", "net_in_kbs", "net_out_kbs"}, quantity.name);
  ValueConfig value;
  value.columns = {quantity.name};
  value.scale = quantity.scale;
  value.name = std::string("now_") + quantity.name;
  recipe.values.push_back(value);
  value.name = quantity.name;
  value.statistic = fast ? "all" : "last";
  recipe.values.push_back(value);
  return std::string(" ") + quantity.label + " {" + quantity.name + "};";
}

void ask_how_busy(RecipeConfig& recipe, const std::string& header) {
  ValueConfig level;
  level.name = "busy";
  level.columns = {"cpu_pct"};
  level.bins = {10, 40, 80};
  level.bin_names = {"idle", "light", "busy", "full"};
  recipe.values.push_back(level);
  const std::string seconds = std::to_string(kAhead) + "s";
  recipe.tasks.push_back(question("host_busy_" + seconds, "label", kAhead,
                                  header + "cpu in " + seconds + " (idle/light/busy/full):"));
  recipe.tasks.back().slots = {{"", "", "busy", {}}};
}

}  // namespace

RecipeConfig collect_recipe(const std::vector<std::string>& columns) {
  RecipeConfig recipe;
  recipe.name = "host";
  recipe.files = {"(the host's own sensors)"};
  std::string header = "host " + std::to_string(kShownSamples) + "s.";
  for (const HostQuantity& quantity : host_quantities())
    if (has(columns, quantity.name)) header += describe(recipe, quantity);
  header.back() = '\n';
  const auto forecast = [&](const std::string& column, const std::string& words) {
    if (!has(columns, column)) return;
    recipe.tasks.push_back(
        question("host_" + column + "_1s", "forecast", 1, header + words + " in 1s:"));
    recipe.tasks.back().completion = "{now_" + column + "}";
  };
  forecast("cpu_pct", "cpu %");
  forecast("mem_pct", "mem x0.1 %");
  forecast("net_in_kbs", "in kB/s");
  if (has(columns, "cpu_pct")) ask_how_busy(recipe, header);
  return recipe;
}

PrepareSummary collect(const CollectOptions& options, const std::filesystem::path& out,
                       const Clock& clock, const std::function<void(TimePoint)>& sleep_until) {
  HostSensors sensors(options.root);
  sensors.sample(clock.now());  // rates need a first reading to count from
  std::vector<std::map<std::string, double>> samples;
  TimePoint next = clock.now();
  for (int i = 0; i < options.seconds && !options.stop.stop_requested(); ++i) {
    next += std::chrono::seconds(1);
    sleep_until(next);
    samples.push_back(sensors.sample(clock.now()));
    if (options.on_sample) options.on_sample(i + 1, options.seconds);
  }
  const std::string device = options.device_id.empty() ? host_name(options.root) : options.device_id;
  Table table = to_table(samples);
  const RecipeConfig recipe = collect_recipe(table.columns);
  const DeviceData data = examples_from_table(recipe, device, std::move(table));
  if (data.train.empty())
    throw IoError("collect: " + std::to_string(samples.size()) +
                  " samples give no training example; use --seconds 30 or more");
  write_device_data(out, data);
  return {{{device, data.train.size(), data.test.size()}}, data.train.size(), data.test.size()};
}

}  // namespace fennec
