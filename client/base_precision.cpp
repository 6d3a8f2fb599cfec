#include "client/base_precision.h"

#include <CLI/CLI.hpp>

#include "model/model_config.h"

namespace fennec {

void add_base_precision(CLI::App& command, std::string& value) {
  command
      .add_option("--base-precision", value,
                  "how the base's weights are kept in memory: " + base_precisions() +
                      "; default: " + (value.empty() ? "the configuration's" : value))
      ->check([](const std::string& given) {
        return is_base_precision(given) ? "" : "'" + given + "' is none of " + base_precisions();
      });
}

}  // namespace fennec
