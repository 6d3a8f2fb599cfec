#pragma once
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "core/clock.h"
#include "data/prepare.h"

namespace fennec {

struct CollectOptions {
  int seconds = 600;                 ///< samples taken, one a second
  std::filesystem::path root = "/";  ///< where proc/ and sys/ are
  std::string device_id;             ///< empty = the host's name
  std::stop_token stop;              ///< ends early; what was sampled is written
  std::function<void(int done, int total)> on_sample;
};

/// Samples the host's own sensors once a second and writes `out`/<device>/{train,test}.jsonl: next
/// processor load, next memory and network figures (forecasts) and how busy the host will be (label).
/// @param sleep_until  waits until the clock shows the time given
/// Throws IoError when not even /proc/stat can be read or there are too few samples for one example.
PrepareSummary collect(const CollectOptions& options, const std::filesystem::path& out,
                       const Clock& clock, const std::function<void(TimePoint)>& sleep_until);

/// The recipe that turns the samples into examples, given the columns that this host has.
RecipeConfig collect_recipe(const std::vector<std::string>& columns);

}  // namespace fennec
