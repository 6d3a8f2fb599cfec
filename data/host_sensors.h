#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"

namespace fennec {

/// One quantity a host can be asked for. Names carry the unit.
struct HostQuantity {
  const char* name;   ///< column: "cpu_pct"
  const char* label;  ///< in prompts: "cpu %"
  double scale;       ///< whole numbers in prompts: value · scale
};

/// Every quantity, in prompt order.
const std::vector<HostQuantity>& host_quantities();

/// Reads the sensors of a Linux host from <root>/proc and <root>/sys. Not thread-safe.
class HostSensors {
 public:
  explicit HostSensors(std::filesystem::path root) : root_(std::move(root)) {}

  /// Quantity name → value, those that are there. Rates are since the previous call, so the first has
  /// none. Throws IoError when <root>/proc/stat cannot be read.
  std::map<std::string, double> sample(TimePoint now);

 private:
  struct Counters {
    TimePoint at{};
    double busy_ticks = 0, all_ticks = 0;
    double rx_bytes = 0, tx_bytes = 0;  ///< over every interface but lo
    double disk_bytes = 0;              ///< read and written, whole disks
  };
  Counters counters(TimePoint now) const;

  std::filesystem::path root_;
  std::optional<Counters> previous_;
};

}  // namespace fennec
