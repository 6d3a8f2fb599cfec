#include "data/prepare.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "data/masking.h"
#include "data/reader.h"
#include "data/value.h"
#include "data/window.h"

namespace fennec {
namespace {

namespace fs = std::filesystem;

/// Does `name` match `pattern`, where * stands for any text?
bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] != '*')
    return !name.empty() && name[0] == pattern[0] && matches(pattern.substr(1), name.substr(1));
  for (std::size_t i = 0; i <= name.size(); ++i)
    if (matches(pattern.substr(1), name.substr(i))) return true;
  return false;
}

/// Device id → file, sorted by id.
std::map<std::string, fs::path> find_files(const RecipeConfig& recipe, const fs::path& input) {
  std::error_code error;
  std::map<std::string, fs::path> files;
  for (const auto& entry : fs::directory_iterator(input, error)) {
    const std::string name = entry.path().filename().string();
    const auto wanted = [&](const std::string& pattern) { return matches(pattern, name); };
    if (std::none_of(recipe.files.begin(), recipe.files.end(), wanted)) continue;
    const std::string device = name.substr(0, name.find('.'));
    if (!files.emplace(device, entry.path()).second)
      throw IoError(input.string() + ": two files for device '" + device + "'; keep one of them");
  }
  if (error) throw IoError(input.string() + ": " + error.message());
  if (files.empty()) throw IoError(input.string() + ": no file matches the recipe's `files`");
  return files;
}

fs::path plain_or_gzip(const fs::path& file) {
  return fs::exists(file) ? file : fs::path(file.string() + ".gz");
}

void join_columns(Table& table, const Table& other) {
  if (other.rows.size() != table.rows.size())
    throw IoError(other.source + ": expected " + std::to_string(table.rows.size()) + " rows like " +
                  table.source + ", has " + std::to_string(other.rows.size()));
  for (const std::string& column : other.columns)
    if (std::find(table.columns.begin(), table.columns.end(), column) != table.columns.end())
      throw IoError(other.source + ": column '" + column + "' is also in " + table.source);
  table.columns.insert(table.columns.end(), other.columns.begin(), other.columns.end());
  for (std::size_t row = 0; row < table.rows.size(); ++row)
    table.rows[row].insert(table.rows[row].end(), other.rows[row].begin(), other.rows[row].end());
}

const ValueConfig& find_value(const RecipeConfig& recipe, const std::string& name) {
  const auto it = std::find_if(recipe.values.begin(), recipe.values.end(),
                               [&](const ValueConfig& v) { return v.name == name; });
  FENNEC_CHECK(it != recipe.values.end(), "value '" + name + "' passed validation");
  return *it;
}

/// What a task's examples have in common.
Example blank_example(const RecipeConfig& recipe, const TaskConfig& task,
                      const std::string& device_id) {
  Example example;
  example.device_id = device_id;
  example.task = task.task;
  example.kind = task.kind == "label"      ? TaskKind::kLabel
                 : task.kind == "forecast" ? TaskKind::kForecast
                                           : TaskKind::kText;
  for (const SlotConfig& slot : task.slots)
    example.slots.push_back(
        {slot.name, slot.prefix,
         slot.labels.empty() ? value_labels(find_value(recipe, slot.value)) : slot.labels});
  return example;
}

/// Every n-th of `items`, so that at most `limit` remain; 0 = all.
template <class T>
void thin(std::vector<T>& items, int limit) {
  const auto keep = static_cast<std::size_t>(limit);
  if (keep == 0 || items.size() <= keep) return;
  for (std::size_t i = 0; i < keep; ++i) items[i] = items[i * items.size() / keep];
  items.resize(keep);
}

struct PlacedExample {
  std::size_t target = 0;
  Example example;
};

/// Makes the examples of one task on one device.
class TaskWriter {
 public:
  TaskWriter(const RecipeConfig& recipe, const TaskConfig& task, const Table& table,
             const std::string& device_id)
      : task_(task),
        table_(table),
        blank_(blank_example(recipe, task, device_id)),
        values_(recipe.values, recipe.missing, table, device_id),
        masking_(recipe.masks) {}

  void write(std::vector<Window> windows, int limit, std::vector<PlacedExample>& out) const {
    std::erase_if(windows, [&](const Window& window) { return answer(window.target).empty(); });
    thin(windows, limit);
    for (const Window& window : windows) {
      Example example = blank_;
      example.prompt = values_.fill(task_.prompt, {window.begin, window.end});
      example.completion = " " + answer(window.target);
      masking_.apply(example.prompt, example.completion);
      out.push_back({window.target, std::move(example)});
    }
  }

 private:
  /// Empty when the answer is not known.
  std::string answer(std::size_t row) const {
    const RowSpan at{row, row + 1};
    if (task_.kind == "label") return labels(row);
    for (const std::string& name : placeholders(task_.completion))
      if (values_.write(name, at) == kUnknown) return "";
    return values_.fill(task_.completion, at);
  }

  std::string labels(std::size_t row) const {
    std::string text;
    for (std::size_t i = 0; i < task_.slots.size(); ++i) {
      const std::string label = values_.write(task_.slots[i].value, {row, row + 1});
      if (label == kUnknown) return "";
      const auto& known = blank_.slots[i].labels;
      if (std::find(known.begin(), known.end(), label) == known.end())
        throw IoError(table_.where(row) + ": value '" + task_.slots[i].value + "': '" + label +
                      "' is none of its labels");
      text += (i == 0 ? "" : ", ") + task_.slots[i].prefix + label;
    }
    return text;
  }

  const TaskConfig& task_;
  const Table& table_;
  Example blank_;
  ValueWriter values_;
  Masking masking_;
};

std::vector<Example> in_time_order(std::vector<PlacedExample> placed) {
  std::stable_sort(placed.begin(), placed.end(),
                   [](const auto& a, const auto& b) { return a.target < b.target; });
  std::vector<Example> examples;
  for (PlacedExample& item : placed) examples.push_back(std::move(item.example));
  return examples;
}

/// Refuses a wrong recipe; keeps only the tasks asked for.
RecipeConfig chosen(RecipeConfig recipe, const std::vector<std::string>& tasks) {
  for (const std::string& name : tasks)
    if (std::none_of(recipe.tasks.begin(), recipe.tasks.end(),
                     [&](const TaskConfig& t) { return t.task == name; }))
      throw ConfigError("recipe '" + recipe.name + "' has no task '" + name + "'");
  if (!tasks.empty())
    std::erase_if(recipe.tasks, [&](const TaskConfig& t) {
      return std::find(tasks.begin(), tasks.end(), t.task) == tasks.end();
    });
  std::string problems;
  for (const std::string& problem : validate(recipe))
    problems += (problems.empty() ? "" : "\n") + problem;
  if (!problems.empty()) throw ConfigError(problems);
  return recipe;
}

}  // namespace

DeviceData examples_from_table(const RecipeConfig& recipe, const std::string& device_id, Table table) {
  order_rows(recipe, table);
  std::vector<PlacedExample> train, test;
  for (const TaskConfig& task : recipe.tasks) {
    WindowSets windows = cut_windows(recipe, task, table);
    const TaskWriter writer(recipe, task, table, device_id);
    writer.write(std::move(windows.train), recipe.max_train, train);
    writer.write(std::move(windows.test), recipe.max_test, test);
  }
  return {device_id, in_time_order(std::move(train)), in_time_order(std::move(test))};
}

PrepareSummary prepare(const RecipeConfig& full_recipe, const fs::path& input, const fs::path& output,
                       const PrepareOptions& options) {
  const RecipeConfig recipe = chosen(full_recipe, options.tasks);
  std::map<std::string, fs::path> files = find_files(recipe, input);
  if (!options.devices.empty()) {
    const std::set<std::string> wanted(options.devices.begin(), options.devices.end());
    for (const std::string& device : wanted)
      if (files.count(device) == 0)
        throw ConfigError("no file of device '" + device + "' in " + input.string());
    std::erase_if(files, [&](const auto& item) { return wanted.count(item.first) == 0; });
  }
  std::vector<Table> joined;
  for (const std::string& name : recipe.join) joined.push_back(read_table(plain_or_gzip(input / name)));

  PrepareSummary summary;
  for (const auto& [device, file] : files) {
    Table table = read_table(file);
    for (const Table& other : joined) join_columns(table, other);
    const DeviceData data = examples_from_table(recipe, device, std::move(table));
    write_device_data(output, data);
    summary.devices.push_back({device, data.train.size(), data.test.size()});
    summary.train += data.train.size();
    summary.test += data.test.size();
    if (options.on_device) options.on_device(summary.devices.size(), files.size(), device);
  }
  return summary;
}

}  // namespace fennec
