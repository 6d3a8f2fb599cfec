#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/example_io.h"
#include "data/recipe.h"
#include "data/table.h"

namespace fennec {

struct PrepareOptions {
  std::vector<std::string> tasks;    ///< only these of the recipe's tasks; empty = all
  std::vector<std::string> devices;  ///< only these devices; empty = all
  std::function<void(std::size_t done, std::size_t total, const std::string& device)> on_device;
};

struct PrepareSummary {
  struct Device {
    std::string device_id;
    std::size_t train = 0, test = 0;
  };
  std::vector<Device> devices;
  std::size_t train = 0, test = 0;
};

/// Reads every file the recipe names below `input` and writes `output`/<device>/{train,test}.jsonl.
/// Throws ConfigError for a recipe that is wrong in itself, IoError for data that do not fit it.
PrepareSummary prepare(const RecipeConfig& recipe, const std::filesystem::path& input,
                       const std::filesystem::path& output, const PrepareOptions& options = {});

/// One device: its rows → examples, in time order. Deterministic.
DeviceData examples_from_table(const RecipeConfig& recipe, const std::string& device_id, Table table);

}  // namespace fennec
