#pragma once
#include <string>
#include <vector>

#include "core/params.h"

namespace fennec {

/// One way to do it: keys of the base experiment and what they become.
struct VariantConfig {
  std::string name;
  StringMap set;
};

template <class Visitor>
void fields(Visitor& v, VariantConfig& c) {
  v("name", c.name, "shown in the table; names the directory of its runs");
  v("set", c.set, "keys of the experiment and their values, as in aggregation.codec: int8");
}

struct ComparisonConfig {
  std::string name = "comparison";
  std::string base;
  StringMap set;
  std::vector<int> seeds = {1, 2, 3};
  std::string metric = "accuracy";
  std::string equal = "rounds";
  double budget = 0;
  std::vector<VariantConfig> variants;
};

template <class Visitor>
void fields(Visitor& v, ComparisonConfig& c) {
  v("name", c.name, "shown in the report; names the output directory");
  v("base", c.base, "the experiment that all variants begin with, a path as for `run`");
  v("set", c.set, "keys that change for all variants");
  v("seeds", c.seeds, "each variant runs once with each");
  v("metric", c.metric,
    "held-out figure to compare: loss, accuracy, macro_f1 or mae, of one task as in pump.accuracy");
  v("equal", c.equal,
    "what every run may use as much of: rounds, bytes, bytes_up, device_seconds, seconds");
  v("budget", c.budget,
    "how much of it: rounds, MB or s; 0 with rounds = rounds.total of the experiment");
  v("variants", c.variants, "");
}

}  // namespace fennec
