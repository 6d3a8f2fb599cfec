#pragma once
#include <filesystem>
#include <string>

namespace fennec {

struct RunOptions {
  std::filesystem::path bundle;
  std::filesystem::path data;
  std::filesystem::path base;   ///< empty: as the bundle says
  std::filesystem::path state;  ///< empty: <bundle>.state beside the bundle
  std::string base_precision;   ///< as ModelConfig's; empty: as the run says
  bool json = false;
};

/// Takes part in a run until the coordinator says it is finished (returns 0) or refuses this device
/// (returns 1). A process that is killed at any moment goes on where it was when started again. Throws
/// ConfigError, IoError.
int run_live_client(const RunOptions& options);

}  // namespace fennec
