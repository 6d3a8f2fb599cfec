#include "data/host_sensors.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "core/error.h"

namespace fennec {
namespace {

namespace fs = std::filesystem;

/// First number in a file; nullopt when the file or the number is not there, as sensors come and go.
std::optional<double> number_in(const fs::path& file) {
  std::ifstream in(file);
  double value = 0;
  return in >> value ? std::optional(value) : std::nullopt;
}

std::vector<fs::path> entries(const fs::path& directory) {
  std::error_code error;
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(directory, error)) out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

/// Readings of every <directory>/*/<prefix>*<suffix>.
std::vector<double> readings(const fs::path& directory, const std::string& prefix,
                             const std::string& suffix) {
  std::vector<double> out;
  for (const fs::path& device : entries(directory))
    for (const fs::path& file : entries(device)) {
      const std::string name = file.filename().string();
      if (name.size() < prefix.size() + suffix.size() || !name.starts_with(prefix) ||
          !name.ends_with(suffix))
        continue;
      if (const auto value = number_in(file)) out.push_back(*value);
    }
  return out;
}

void put_largest(std::map<std::string, double>& out, const char* name,
                 const std::vector<double>& values, double unit) {
  if (!values.empty()) out[name] = *std::max_element(values.begin(), values.end()) * unit;
}

void read_memory(const fs::path& root, std::map<std::string, double>& out) {
  std::ifstream in(root / "proc/meminfo");
  double total = 0, available = -1, kib = 0;
  for (std::string key, rest; in >> key >> kib && std::getline(in, rest);) {
    if (key == "MemTotal:") total = kib;
    if (key == "MemAvailable:") available = kib;
  }
  if (total > 0 && available >= 0) out["mem_pct"] = 100 * (1 - available / total);
}

void read_hardware(const fs::path& root, std::map<std::string, double>& out) {
  const fs::path classes = root / "sys/class";
  std::vector<double> temperatures = readings(classes / "thermal", "temp", "");
  const auto chips = readings(classes / "hwmon", "temp", "_input");
  temperatures.insert(temperatures.end(), chips.begin(), chips.end());
  put_largest(out, "temp_c", temperatures, 1e-3);
  put_largest(out, "fan_rpm", readings(classes / "hwmon", "fan", "_input"), 1);
  std::vector<double> power = readings(classes / "hwmon", "power", "_input");
  const auto supplies = readings(classes / "power_supply", "power_now", "");
  power.insert(power.end(), supplies.begin(), supplies.end());
  put_largest(out, "power_w", power, 1e-6);
  put_largest(out, "battery_pct", readings(classes / "power_supply", "capacity", ""), 1);
  if (const auto khz = number_in(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"))
    out["freq_mhz"] = *khz / 1e3;
}

struct Traffic {
  double in = 0, out = 0;  ///< bytes since start
};

/// Over every interface but lo. Eight columns in, then eight out; bytes are the first of each.
Traffic network_traffic(const fs::path& root) {
  Traffic traffic;
  std::ifstream in(root / "proc/net/dev");
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || line.find("lo:") != std::string::npos) continue;
    std::istringstream columns(line.substr(colon + 1));
    double rx = 0, skip = 0, tx = 0;
    columns >> rx;
    for (int i = 0; i < 7; ++i) columns >> skip;
    if (columns >> tx) traffic = {traffic.in + rx, traffic.out + tx};
  }
  return traffic;
}

/// Read and written since start. Partitions are not in sys/block; loop, ram and mapped devices would
/// count the same bytes again.
double disk_bytes(const fs::path& root) {
  constexpr double kSector = 512;
  double bytes = 0;
  std::ifstream in(root / "proc/diskstats");
  for (std::string line; std::getline(in, line);) {
    std::istringstream columns(line);
    double major = 0, minor = 0, reads = 0, merged = 0, read = 0, ms = 0, writes = 0, written = 0;
    std::string name;
    columns >> major >> minor >> name >> reads >> merged >> read >> ms >> writes >> merged >> written;
    const bool whole = fs::exists(root / "sys/block" / name) && !name.starts_with("loop") &&
                       !name.starts_with("ram") && !name.starts_with("dm-");
    if (columns && whole) bytes += kSector * (read + written);
  }
  return bytes;
}

}  // namespace

const std::vector<HostQuantity>& host_quantities() {
  static const std::vector<HostQuantity> all = {
      {"cpu_pct", "cpu %", 1},         {"load", "load x0.01", 100},    {"mem_pct", "mem x0.1 %", 10},
      {"net_in_kbs", "in kB/s", 1},    {"net_out_kbs", "out kB/s", 1}, {"disk_kbs", "disk kB/s", 1},
      {"temp_c", "temp C", 1},         {"fan_rpm", "fan rpm", 1},      {"power_w", "power x0.1 W", 10},
      {"battery_pct", "battery %", 1}, {"freq_mhz", "clock MHz", 1}};
  return all;
}

HostSensors::Counters HostSensors::counters(TimePoint now) const {
  Counters c;
  c.at = now;
  std::ifstream stat(root_ / "proc/stat");
  std::string word;
  if (!(stat >> word) || word != "cpu")
    throw IoError((root_ / "proc/stat").string() + ": expected a line 'cpu …'; is this Linux?");
  double ticks = 0;
  for (int field = 0; field < 8 && stat >> ticks;
       ++field) {  // user nice system idle iowait irq softirq steal
    c.all_ticks += ticks;
    if (field != 3 && field != 4) c.busy_ticks += ticks;
  }
  const Traffic network = network_traffic(root_);
  c.rx_bytes = network.in;
  c.tx_bytes = network.out;
  c.disk_bytes = disk_bytes(root_);
  return c;
}

std::map<std::string, double> HostSensors::sample(TimePoint now) {
  const Counters current = counters(now);
  std::map<std::string, double> out;
  if (previous_ && current.at > previous_->at && current.all_ticks > previous_->all_ticks) {
    const double seconds = to_seconds(current.at - previous_->at);
    // Counters restart when a device is plugged in again; a negative rate means nothing.
    const auto kb_per_s = [&](double after, double before) {
      return std::max(0.0, after - before) / 1e3 / seconds;
    };
    out["cpu_pct"] =
        100 * (current.busy_ticks - previous_->busy_ticks) / (current.all_ticks - previous_->all_ticks);
    out["net_in_kbs"] = kb_per_s(current.rx_bytes, previous_->rx_bytes);
    out["net_out_kbs"] = kb_per_s(current.tx_bytes, previous_->tx_bytes);
    out["disk_kbs"] = kb_per_s(current.disk_bytes, previous_->disk_bytes);
  }
  previous_ = current;
  if (const auto load = number_in(root_ / "proc/loadavg")) out["load"] = *load;
  read_memory(root_, out);
  read_hardware(root_, out);
  return out;
}

}  // namespace fennec
