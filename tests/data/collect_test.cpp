#include "data/collect.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "data/example_io.h"
#include "data/host_sensors.h"
#include "tests/support/temp_dir.h"

using namespace fennec;

namespace {

void put(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  write_file_atomically(file, text);
}

/// A host whose counters advance by known amounts each second.
class FakeHost {
 public:
  explicit FakeHost(std::filesystem::path root) : root_(std::move(root)) {
    put(root_ / "proc/sys/kernel/hostname", "pi4\n");
    put(root_ / "proc/meminfo",
        "MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  250 kB\nHugePages_Total:   0\n");
    put(root_ / "sys/class/thermal/thermal_zone0/temp", "45500\n");
    put(root_ / "sys/class/hwmon/hwmon0/temp1_input", "61200\n");
    put(root_ / "sys/class/hwmon/hwmon0/fan1_input", "1200\n");
    put(root_ / "sys/class/power_supply/BAT0/power_now", "7300000\n");
    put(root_ / "sys/class/power_supply/BAT0/capacity", "88\n");
    put(root_ / "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1500000\n");
    std::filesystem::create_directories(root_ / "sys/block/sda");
    advance(0);
  }
  /// @param busy  share of the second the processor works
  void advance(double busy) {
    busy_ += static_cast<long>(100 * busy);
    idle_ += static_cast<long>(100 * (1 - busy));
    const std::string n = std::to_string(second_), kb = std::to_string(3000 * second_);
    put(root_ / "proc/stat", "cpu  " + std::to_string(busy_) + " 0 0 " + std::to_string(idle_) +
                                 " 0 0 0 0 0 0\ncpu0 1 2 3\n");
    put(root_ / "proc/loadavg", "1.2" + std::to_string(second_ % 10) + " 0.5 0.4 1/99 1\n");
    put(root_ / "proc/net/dev", "Inter-| Receive\n face |bytes\n    lo: 9" + n +
                                    " 0 0 0 0 0 0 0 5 0 0 0 0 0 0 0\n  eth0: " + kb +
                                    " 0 0 0 0 0 0 0 " + n + "000 0 0 0 0 0 0 0\n");
    put(root_ / "proc/diskstats", "8 0 sda 1 0 " + std::to_string(2 * second_) + " 0 1 0 " +
                                      std::to_string(4 * second_) + " 0 0 0 0\n8 1 sda1 1 0 99" + n +
                                      " 0 1 0 1 0 0 0 0\n");
    ++second_;
  }

 private:
  std::filesystem::path root_;
  long busy_ = 1000, idle_ = 5000, second_ = 0;
};

}  // namespace

TEST_CASE("host sensors: rates from counters, the hottest sensor, whole disks only") {
  const test::TempDir root;
  FakeHost host(root.path());
  HostSensors sensors(root.path());
  ManualClock clock;
  CHECK(sensors.sample(clock.now()).count("cpu_pct") == 0);
  host.advance(0.25);
  clock.advance_to(std::chrono::seconds(1));
  const auto sample = sensors.sample(clock.now());
  CHECK(sample.at("cpu_pct") == doctest::Approx(25));
  CHECK(sample.at("net_in_kbs") == doctest::Approx(3));
  CHECK(sample.at("net_out_kbs") == doctest::Approx(1));
  CHECK(sample.at("disk_kbs") == doctest::Approx(6 * 512 / 1e3));
  CHECK(sample.at("mem_pct") == doctest::Approx(75));
  CHECK(sample.at("load") == doctest::Approx(1.21));
  CHECK(sample.at("temp_c") == doctest::Approx(61.2));
  CHECK(sample.at("fan_rpm") == doctest::Approx(1200));
  CHECK(sample.at("power_w") == doctest::Approx(7.3));
  CHECK(sample.at("battery_pct") == doctest::Approx(88));
  CHECK(sample.at("freq_mhz") == doctest::Approx(1500));
}

TEST_CASE("collect samples once a second and asks answerable questions") {
  const test::TempDir root, out;
  FakeHost host(root.path());
  ManualClock clock;
  int seconds = 0;
  const auto sleep_until = [&](TimePoint t) {
    host.advance(0.5 + 0.5 * std::sin(seconds++ / 5.0));
    clock.advance_to(t);
  };
  CollectOptions options;
  options.seconds = 60;
  options.root = root.path();
  const PrepareSummary summary = collect(options, out.path(), clock, sleep_until);
  CHECK(seconds == 60);
  CHECK(clock.now() == std::chrono::seconds(60));
  REQUIRE(summary.devices.size() == 1);
  CHECK(summary.devices[0].device_id == "pi4");
  const DeviceData data = load_device_data(out / "pi4");
  REQUIRE(data.train.size() > 100);
  CHECK(data.test.size() > 20);
  CHECK(data.train[0].task == "host_cpu_pct_1s");
  CHECK(data.train[0].prompt.find("host 8s. cpu % 50 ") == 0);
  CHECK(data.train[0].prompt.find(
            "temp C 61; fan rpm 1200; power x0.1 W 73; battery % 88; clock MHz 1500\ncpu % in 1s:") !=
        std::string::npos);
}

TEST_CASE("collect on a host without optional sensors keeps to what is there") {
  const RecipeConfig recipe = collect_recipe({"cpu_pct", "mem_pct"});
  CHECK(validate(recipe).empty());
  CHECK(recipe.tasks.size() == 3);
  CHECK(recipe.tasks[0].prompt == "host 8s. cpu % {cpu_pct}; mem x0.1 % {mem_pct}\ncpu % in 1s:");
}

TEST_CASE("collect says when there is nothing to sample or too little") {
  const test::TempDir root, out;
  const auto none = [](TimePoint) {};
  CollectOptions options;
  options.root = root.path();
  CHECK_THROWS_AS(collect(options, out.path(), ManualClock(), none), IoError);
  const FakeHost host(root.path());
  options.seconds = 5;
  CHECK_THROWS_AS(collect(options, out.path(), ManualClock(), none), IoError);
}
