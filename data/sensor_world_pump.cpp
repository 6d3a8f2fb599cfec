#include <algorithm>
#include <array>
#include <cmath>

#include "data/sensor_text.h"
#include "data/sensor_world.h"

namespace fennec {
namespace {

constexpr std::size_t kReadings = 6;
constexpr std::array<std::string_view, 3> kBearing = {"ok", "worn", "damaged"};
constexpr std::array<std::string_view, 4> kHydraulics = {"ok", "clogged", "cavitating", "leaking"};

/// A pump in its installation, healthy.
struct Pump {
  double flow, head_kpa, efficiency, inlet_kpa;  ///< at the operating point: l/min, kPa, 0–1, kPa
  double vibration, ambient;                     ///< mm/s, °C
  double wear_rate, damage_rate;                 ///< chances a reading block
  std::array<double, 3> trouble;                 ///< chances that clogging, cavitation, leaking begin
};

struct Condition {
  std::size_t bearing = 0, hydraulics = 0;
  double severity = 0;  ///< of the hydraulic trouble, 0.5 … 1
};

Pump draw_pump(RandomStream& random) {
  Pump p{};
  p.flow = random.uniform(150, 600);
  p.head_kpa = random.uniform(180, 420);
  p.efficiency = random.uniform(0.62, 0.78);
  p.inlet_kpa = random.uniform(25, 60);
  p.vibration = random.uniform(1.2, 2.2);
  p.ambient = random.uniform(12, 30);
  p.wear_rate = random.uniform(0.02, 0.12);
  p.damage_rate = random.uniform(0.05, 0.2);
  for (double& rate : p.trouble) rate = chance(random, 0.5) ? random.uniform(0.05, 0.15) : 0.01;
  return p;
}

/// Wear only grows until a repair; hydraulic trouble comes and is cleared.
void advance(RandomStream& random, const Pump& pump, Condition& c) {
  if (c.bearing == 0 && chance(random, pump.wear_rate))
    c.bearing = 1;
  else if (c.bearing == 1 && chance(random, pump.damage_rate))
    c.bearing = 2;
  else if (c.bearing == 2 && chance(random, 0.15))
    c.bearing = 0;
  if (c.hydraulics != 0 && chance(random, 0.15)) c.hydraulics = 0;
  if (c.hydraulics != 0) return;
  for (std::size_t k = 0; k < pump.trouble.size(); ++k)
    if (chance(random, pump.trouble[k])) {
      c.hydraulics = k + 1;
      c.severity = random.uniform(0.5, 1);
      return;
    }
}

/// Channels of one reading: bearing temperature °C, vibration mm/s, inlet and outlet kPa, flow l/min,
/// power W, efficiency 0–1.
using Reading = std::array<double, 7>;

Reading read_pump(RandomStream& random, const Pump& pump, const Condition& c, double demand) {
  const double s = c.severity;
  double flow = pump.flow * demand, inlet = pump.inlet_kpa,
         head = pump.head_kpa * (1.15 - 0.15 * demand * demand);
  double efficiency = pump.efficiency, vibration = pump.vibration * (0.9 + 0.1 * demand);
  if (c.hydraulics == 1)
    flow *= 1 - 0.35 * s, inlet *= 1 - 0.75 * s,
        efficiency *= 1 - 0.08 * s;  // strainer starves the inlet
  if (c.hydraulics == 2)
    head *= 1 - 0.22 * s, inlet *= 1 - 0.45 * s, vibration *= 1 + 1.3 * s, efficiency *= 1 - 0.15 * s;
  if (c.hydraulics == 3)
    flow *= 1 - 0.18 * s, head *= 1 - 0.12 * s,
        efficiency *= 1 - 0.28 * s;  // seal lets back what was pumped
  const double wear = static_cast<double>(c.bearing);
  vibration *= 1 + 0.7 * wear;
  efficiency *= 1 - 0.02 * wear;
  const double power = flow / 60000 * head * 1000 / efficiency;  // W
  const double bearing = pump.ambient + 18 + 0.006 * power + 9 * wear;
  const auto noisy = [&](double v, double relative) { return v * (1 + random.normal(0, relative)); };
  return {noisy(bearing, 0.01),      noisy(vibration, 0.05), noisy(inlet, 0.04),
          noisy(inlet + head, 0.01), noisy(flow, 0.015),     noisy(power, 0.01),
          noisy(efficiency, 0.015)};
}

std::string prompt_of(const std::array<Reading, kReadings>& readings) {
  struct Channel {
    const char* name;
    double scale;
  };
  static constexpr std::array<Channel, 7> kChannels = {{{"bearing x0.1 C", 10},
                                                        {"vib x0.01 mm/s", 100},
                                                        {"inlet kPa", 1},
                                                        {"outlet kPa", 1},
                                                        {"flow l/min", 1},
                                                        {"power W", 1},
                                                        {"eff %", 100}}};
  std::vector<std::string> parts;
  for (std::size_t k = 0; k < kChannels.size(); ++k) {
    std::array<double, kReadings> column{};
    for (std::size_t i = 0; i < kReadings; ++i) column[i] = readings[i][k];
    parts.push_back(std::string(kChannels[k].name) + " " + whole_list(column, kChannels[k].scale));
  }
  return "pump, 6 readings in 1h. " + join_text(parts, "; ") + "\ncheck:";
}

}  // namespace

std::vector<Example> pump_examples(RandomStream& random, std::size_t count) {
  const Pump pump = draw_pump(random);
  Condition condition;
  std::vector<Example> examples;
  const std::vector<LabelSlot> slots = {
      {"bearing", "bearing ", {kBearing.begin(), kBearing.end()}},
      {"hydraulics", "hydraulics ", {kHydraulics.begin(), kHydraulics.end()}}};
  for (std::size_t i = 0; i < count; ++i) {
    advance(random, pump, condition);
    std::array<Reading, kReadings> readings{};
    const double demand = random.uniform(0.75, 1.05);
    for (Reading& reading : readings)
      reading = read_pump(random, pump, condition, demand * (1 + random.normal(0, 0.02)));
    examples.push_back({"", prompt_of(readings),
                        " bearing " + std::string(kBearing[condition.bearing]) + ", hydraulics " +
                            std::string(kHydraulics[condition.hydraulics]),
                        "pump_state", TaskKind::kLabel, slots});
  }
  return examples;
}

}  // namespace fennec
