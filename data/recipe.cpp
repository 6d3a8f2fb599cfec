#include "data/recipe.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "data/masking.h"
#include "data/statistic.h"
#include "data/value.h"

namespace fennec {
namespace {

using Problems = std::vector<std::string>;

bool is_one_of(const std::string& text, const std::vector<std::string>& known) {
  return std::find(known.begin(), known.end(), text) != known.end();
}

void check_one_of(Problems& problems, const std::string& key, const std::string& text,
                  const std::vector<std::string>& known) {
  if (is_one_of(text, known)) return;
  std::string list;
  for (const std::string& name : known)
    list += (list.empty() ? "" : ", ") + (name.empty() ? "empty" : name);
  problems.push_back(key + " must be one of " + list + "; is '" + text + "'");
}

void check_value(Problems& problems, const std::string& key, const ValueConfig& value) {
  const auto require = [&](bool holds, const std::string& what) {
    if (!holds) problems.push_back(key + what);
  };
  require(!value.name.empty() && value.name != "device", ".name must be given and not be 'device'");
  require(value.lines.empty() != value.columns.empty(), " needs either columns or lines");
  check_one_of(problems, key + ".statistic", value.statistic, statistic_names());
  check_one_of(problems, key + ".combine", value.combine, {"", "magnitude", "weekday"});
  require(value.combine != "weekday" || value.columns.size() == 3,
          ": weekday needs columns year, month, day");
  require(value.every >= 1, ".every must be at least 1");
  require(value.decimals >= 0 && value.decimals <= 9, ".decimals must be 0 to 9");
  require(value.pad >= 0 && value.pad <= 20, ".pad must be 0 to 20");
  require(value.rows.size() <= 2, ".rows must be [from] or [from, to]");
  require(value.phases.size() != 1 && std::is_sorted(value.phases.begin(), value.phases.end()) &&
              (value.phases.empty() || value.phases[0] >= 0),
          ".phases must be two or more rising borders");
  require(std::is_sorted(value.bins.begin(), value.bins.end()), ".bins must rise");
  require(
      value.bins.empty() ? value.bin_names.empty() : value.bin_names.size() == value.bins.size() + 1,
      ".bin_names must be one more than bins");
}

using ValuesByName = std::map<std::string, const ValueConfig*>;

void check_template(Problems& problems, const std::string& key, const std::string& pattern,
                    const ValuesByName& values) {
  for (const std::string& name : placeholders(pattern))
    if (name != "device" && values.count(name) == 0)
      problems.push_back(key + ": no value is named '" + name + "'");
}

void check_slots(Problems& problems, const std::string& key, const TaskConfig& task,
                 const ValuesByName& values) {
  if (task.slots.empty()) problems.push_back(key + ": a label task needs slots");
  if (!task.completion.empty())
    problems.push_back(key + ": a label task's answer comes from its slots; remove completion");
  for (const SlotConfig& slot : task.slots) {
    const auto value = values.find(slot.value);
    if (value == values.end()) {
      problems.push_back(key + ": slot '" + slot.name + "': no value is named '" + slot.value + "'");
    } else if (slot.labels.empty() && value_labels(*value->second).empty()) {
      problems.push_back(key + ": slot '" + slot.name +
                         "': give its labels, or its value a map or bins");
    }
  }
}

void check_task(Problems& problems, const TaskConfig& task, const ValuesByName& values) {
  const std::string key = "tasks '" + task.task + "'";
  if (task.task.empty()) problems.push_back("tasks: each needs a name, key `task`");
  check_one_of(problems, key + ".kind", task.kind, {"label", "forecast", "text"});
  if (task.window < 1 || task.horizon < 0)
    problems.push_back(key + ": window must be at least 1 and horizon at least 0");
  if (task.train_stride < 1 || task.test_stride < 1)
    problems.push_back(key + ": strides must be at least 1");
  if (task.prompt.empty() || task.prompt.back() == ' ')
    problems.push_back(key + ".prompt must be text that does not end in a space");
  check_template(problems, key + ".prompt", task.prompt, values);
  if (task.kind == "label") return check_slots(problems, key, task, values);
  if (task.completion.empty()) problems.push_back(key + ".completion must be given");
  check_template(problems, key + ".completion", task.completion, values);
}

void check_split(Problems& problems, const SplitConfig& split) {
  check_one_of(problems, "split.rule", split.rule, {"last_fraction", "last_groups", "every_group"});
  if (split.fraction < 0 || split.fraction >= 1)
    problems.push_back("split.fraction must be from 0 to below 1");
  if (split.count < 1) problems.push_back("split.count must be at least 1");
  if (split.rule != "last_fraction" && split.key.empty())
    problems.push_back("split.key must name the column of a run");
}

}  // namespace

std::vector<std::string> validate(const RecipeConfig& recipe) {
  Problems problems;
  if (recipe.files.empty()) problems.push_back("files must name at least one pattern");
  if (recipe.tasks.empty()) problems.push_back("tasks must not be empty");
  if (recipe.max_train < 0 || recipe.max_test < 0)
    problems.push_back("max_train and max_test must not be negative");
  check_split(problems, recipe.split);
  ValuesByName values;
  for (const ValueConfig& value : recipe.values) {
    check_value(problems, "values '" + value.name + "'", value);
    if (!values.emplace(value.name, &value).second)
      problems.push_back("values: two are named '" + value.name + "'");
  }
  for (const ValueConfig& value : recipe.values) {
    const std::string key = "values '" + value.name + "'.lines";
    check_template(problems, key, value.lines, values);
    for (const std::string& name : placeholders(value.lines))
      if (values.count(name) != 0 && !values[name]->lines.empty())
        problems.push_back(key + ": '" + name + "' has lines itself");
  }
  for (const TaskConfig& task : recipe.tasks) check_task(problems, task, values);
  try {
    Masking{recipe.masks};
  } catch (const ConfigError& error) {
    problems.emplace_back(error.what());
  }
  return problems;
}

}  // namespace fennec
