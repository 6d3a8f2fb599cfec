#pragma once
#include <string>
#include <vector>

#include "core/params.h"

namespace fennec {

/// Rows (of a table) or target rows (of a task) to keep.
struct FilterConfig {
  std::string column;
  std::string equals;
  double at_least = -1e300;
};

template <class Visitor>
void fields(Visitor& v, FilterConfig& c) {
  v("column", c.column, "column looked at");
  v("equals", c.equals, "keep rows whose cell is this text");
  v("at_least", c.at_least, "keep rows whose cell is a number not below this");
}

/// A named piece of text made from a window of rows; `{name}` in a template stands for it.
///
/// Steps, each optional: take `columns` of the rows (a cell may be a JSON array: then its elements
/// follow one another) → `combine` columns → cut the series at `phases` → `statistic` of each part →
/// `every` n-th → scale, offset → bins, limit, map → text.
struct ValueConfig {
  std::string name;
  std::vector<std::string> columns;
  std::vector<int> rows;
  bool text = false;
  std::string combine;
  std::vector<int> phases;
  std::string statistic = "last";
  int every = 1;
  double scale = 1;
  double offset = 0;
  int decimals = 0;
  int pad = 0;
  std::vector<double> bins;
  std::vector<std::string> bin_names;
  double limit = 1e300;
  std::string over;
  StringMap map;
  std::string missing = "?";
  std::string lines;
};

template <class Visitor>
void fields(Visitor& v, ValueConfig& c) {
  v("name", c.name, "how templates call it: {name}");
  v("columns", c.columns, "columns read");
  v("rows", c.rows, "[from, to) of the window's rows; negative counts from its end; empty = all");
  v("text", c.text, "cells are text, not numbers; several columns are joined by a space");
  v("combine", c.combine,
    "magnitude: Euclidean norm over the columns; weekday: Mon … Sun of year, month, day");
  v("phases", c.phases, "borders that cut the series into parts, e.g. 0 10 20 60");
  v("statistic", c.statistic, "all, first, last, mean, sd, min or max of each part");
  v("every", c.every, "keep each n-th value, from the first");
  v("scale", c.scale, "multiplied before rounding; say it in the template (x0.1 for 10)");
  v("offset", c.offset, "added after scaling");
  v("decimals", c.decimals, "digits after the point");
  v("pad", c.pad, "at least so many digits, zeros in front");
  v("bins", c.bins, "upper borders (inclusive) of named levels; one name more than borders");
  v("bin_names", c.bin_names, "names of the levels");
  v("limit", c.limit, "larger numbers are written as `over`");
  v("over", c.over, "text for numbers above `limit`");
  v("map", c.map, "text replaced by other text, after everything else");
  v("missing", c.missing, "written for a missing value");
  v("lines", c.lines,
    "instead of columns: a template written once a row, one line each; values in it see that row");
}

/// One label inside the answer; the label is a value seen at the target row.
struct SlotConfig {
  std::string name;
  std::string prefix;
  std::string value;
  std::vector<std::string> labels;
};

template <class Visitor>
void fields(Visitor& v, SlotConfig& c) {
  v("name", c.name, "component or quantity; empty for a task with one label");
  v("prefix", c.prefix, "text before the label in the answer");
  v("value", c.value, "value that gives the label");
  v("labels", c.labels, "every label; empty = those of the value's map or bin_names");
}

/// A question about a window. A recipe may ask several.
struct TaskConfig {
  std::string task;
  std::string kind = "label";
  int window = 1;
  int horizon = 0;
  int train_stride = 1;
  int test_stride = 1;
  std::vector<FilterConfig> keep_target;
  std::string prompt;
  std::string completion;
  std::vector<SlotConfig> slots;
};

template <class Visitor>
void fields(Visitor& v, TaskConfig& c) {
  v("task", c.task, "name under which scores are reported");
  v("kind", c.kind, "label, forecast (a number) or text");
  v("window", c.window, "rows the question sees");
  v("horizon", c.horizon, "rows from the window's last one to the target row; 0 = the last row itself");
  v("train_stride", c.train_stride, "rows between training windows");
  v("test_stride", c.test_stride, "rows between test windows");
  v("keep_target", c.keep_target, "conditions on the target row");
  v("prompt", c.prompt, "template over the window");
  v("completion", c.completion, "template over the target row (forecast, text)");
  v("slots", c.slots, "labels in the order of the answer (label)");
}

/// How train and test are told apart, always in time order inside a device.
struct SplitConfig {
  std::string rule = "last_fraction";
  double fraction = 0.2;
  std::string key;
  int count = 2;
};

template <class Visitor>
void fields(Visitor& v, SplitConfig& c) {
  v("rule", c.rule,
    "test is: last_fraction of the rows, last_groups of `key`, or every_group: each count-th of `key`");
  v("fraction", c.fraction, "share of rows (last_fraction)");
  v("key", c.key, "column that names a run (last_groups, every_group)");
  v("count", c.count, "how many last groups, or the step of every_group");
}

/// Rewrites prompt and completion together, in the order given.
struct MaskConfig {
  std::string pattern;
  std::string replace;
  bool letters = false;
};

template <class Visitor>
void fields(Visitor& v, MaskConfig& c) {
  v("pattern", c.pattern, "ECMAScript regular expression");
  v("replace", c.replace, "replacement; $1 is the first group");
  v("letters", c.letters, "replace each distinct match by A, B, … in order of appearance instead");
}

/// How sensor records become examples: what `fennec-client prepare --recipe` reads.
struct RecipeConfig {
  std::string name;
  std::vector<std::string> files;
  std::vector<std::string> join;
  std::vector<std::string> missing = {"", "?", "NA"};
  std::string sort;
  std::vector<FilterConfig> keep;
  std::vector<std::string> group;
  SplitConfig split;
  std::vector<ValueConfig> values;
  std::vector<TaskConfig> tasks;
  std::vector<MaskConfig> masks;
  int max_train = 0;
  int max_test = 0;
};

template <class Visitor>
void fields(Visitor& v, RecipeConfig& c) {
  v("name", c.name, "shown in messages");
  v("files", c.files,
    "file names below --input, * matches anything; the name up to its first dot is the device id");
  v("join", c.join, "files whose rows stand beside those of every device, row by row");
  v("missing", c.missing, "cells that mean: no value");
  v("sort", c.sort, "numeric column that puts rows in time order; empty = as in the file");
  v("keep", c.keep, "conditions on a row");
  v("group", c.group, "columns that are constant inside a window");
  v("split", c.split, "");
  v("values", c.values, "named pieces of text");
  v("tasks", c.tasks, "");
  v("masks", c.masks, "");
  v("max_train", c.max_train,
    "at most so many training examples a device and task, evenly spaced; 0 = all");
  v("max_test", c.max_test, "the same for test examples");
}

/// Everything wrong with a recipe, one message a problem.
std::vector<std::string> validate(const RecipeConfig& recipe);

}  // namespace fennec
