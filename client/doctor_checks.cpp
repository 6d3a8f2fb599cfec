#include "client/doctor_checks.h"

#include <fmt/format.h>
#include <zmq.h>

#include <exception>
#include <fstream>
#include <functional>

#include "client/endpoint.h"
#include "core/checkpoint_files.h"
#include "data/example_io.h"
#include "transport/keys.h"

namespace fennec {
namespace {

constexpr double kMiB = 1024.0 * 1024.0;
constexpr double kLeastMemoryMiB = 128, kLeastDiskMiB = 256;

/// `look` returns the detail of a healthy finding; what it throws is the detail of an unhealthy one.
Check finding(const std::string& name, const std::function<std::string()>& look) {
  try {
    return {name, true, look()};
  } catch (const std::exception& e) {
    return {name, false, e.what()};
  }
}

/// Memory that the kernel could hand out without swapping, in MiB.
double available_memory_mib() {
  std::ifstream in("/proc/meminfo");
  std::string key, unit;
  double kib = 0;
  while (in >> key >> kib) {
    std::getline(in, unit);
    if (key == "MemAvailable:") return kib / 1024;
  }
  throw std::runtime_error("/proc/meminfo has no MemAvailable");
}

double weights_mib(const std::filesystem::path& base) {
  if (base.empty()) return 0;
  const CheckpointFiles checkpoint = CheckpointFiles::open(base);
  double bytes = 0;
  for (const auto& file : checkpoint.files())
    bytes += static_cast<double>(std::filesystem::file_size(file));
  return bytes / kMiB;
}

}  // namespace

Check check_zeromq() {
  int major = 0, minor = 0, patch = 0;
  zmq_version(&major, &minor, &patch);
  const bool recent = major > 4 || (major == 4 && (minor > 3 || (minor == 3 && patch >= 4)));
  const bool curve = zmq_has("curve") == 1;
  return {"zeromq", recent && curve,
          fmt::format("libzmq {}.{}.{}{}, CURVE {}", major, minor, patch,
                      recent ? "" : " (4.3.4 or later is needed)",
                      curve ? "available" : "missing: links cannot be encrypted")};
}

Check check_memory(const std::filesystem::path& base) {
  return finding("memory", [&] {
    // Weights may be stored in 2 bytes and are 4 in memory; activations and optimizer state about
    // double that.
    const double need = kLeastMemoryMiB + 4 * weights_mib(base), have = available_memory_mib();
    if (have < need)
      throw std::runtime_error(fmt::format("{:.0f} MiB available, {:.0f} MiB needed", have, need));
    return fmt::format("{:.0f} MiB available, {:.0f} MiB needed", have, need);
  });
}

Check check_disk(const std::filesystem::path& where) {
  return finding("disk", [&] {
    const double have = static_cast<double>(std::filesystem::space(where).available) / kMiB;
    if (have < kLeastDiskMiB)
      throw std::runtime_error(
          fmt::format("{:.0f} MiB free at {}, {:.0f} MiB needed", have, where.string(), kLeastDiskMiB));
    return fmt::format("{:.0f} MiB free at {}", have, where.string());
  });
}

std::vector<Check> check_bundle(const std::filesystem::path& file) {
  std::vector<Check> checks;
  std::string endpoint;
  checks.push_back(finding("bundle", [&] {
    const EnrolmentBundle bundle = read_bundle(file);
    endpoint = bundle.endpoint;
    return fmt::format("{} of run {}, readable by its owner only", bundle.client, bundle.run_id);
  }));
  if (checks.back().healthy)
    checks.push_back(finding("endpoint", [&] { return describe_endpoint(endpoint); }));
  return checks;
}

Check check_data(const std::filesystem::path& directory) {
  return finding("data", [&] {
    const DeviceData data = load_device_data(directory);
    if (data.train.empty()) throw std::runtime_error(directory.string() + ": no training examples");
    return fmt::format("{}: {} training and {} test examples", data.device_id, data.train.size(),
                       data.test.size());
  });
}

}  // namespace fennec
