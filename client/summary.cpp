#include "client/summary.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace fennec {

void print_summary(const PrepareSummary& summary, const std::filesystem::path& out, bool json) {
  if (json) {
    nlohmann::ordered_json document = {
        {"out", out.string()}, {"train", summary.train}, {"test", summary.test}};
    for (const auto& device : summary.devices)
      document["devices"].push_back(
          {{"device_id", device.device_id}, {"train", device.train}, {"test", device.test}});
    fmt::print("{}\n", document.dump());
    return;
  }
  fmt::print("{:<28} {:>8} {:>8}\n", "device", "train", "test");
  for (const auto& device : summary.devices)
    fmt::print("{:<28} {:>8} {:>8}\n", device.device_id, device.train, device.test);
  fmt::print("{:<28} {:>8} {:>8}\nwritten to {}\n", "all", summary.train, summary.test, out.string());
}

}  // namespace fennec
