#include <algorithm>
#include <array>
#include <cmath>

#include "data/corpus.h"
#include "data/sensor_text.h"

namespace fennec {
namespace {

/// A part that wears: severity 0 … labels−1 shifts channels by its signature.
struct Component {
  std::string_view name;
  std::vector<std::string_view> labels;  ///< by growing severity
};

enum class ChannelKind { kTemperature, kVibration, kEfficiency, kCooling, kPower, kFlow, kPressure };

struct Channel {
  std::string name, unit;
  ChannelKind kind;
  double scale, level, noise;
};

const std::vector<Component>& component_kinds() {
  static const std::vector<Component> kinds = {
      {"cooler", {"ok", "reduced", "failing"}},
      {"valve", {"ok", "small lag", "severe lag", "failing"}},
      {"pump leak", {"none", "weak", "severe"}},
      {"bearing", {"ok", "worn", "damaged"}},
      {"filter", {"clean", "dirty", "clogged"}},
      {"seal", {"tight", "leaking"}},
      {"belt", {"ok", "loose", "slipping"}},
      {"accumulator", {"ok", "low", "very low", "empty"}},
  };
  return kinds;
}

Channel draw_channel(RandomStream& random, int index) {
  const std::string number = std::to_string(index);
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return {(chance(random, 0.7) ? "T" : "temp ") + number,
              "x0.1 C",
              ChannelKind::kTemperature,
              10,
              random.uniform(30, 60),
              0.15};
    case 4:
      return {chance(random, 0.6) ? "vib" : "vibration",
              "um/s",
              ChannelKind::kVibration,
              1,
              random.uniform(300, 800),
              12};
    case 5:
      return {chance(random, 0.6) ? "eff" : "efficiency",
              "%",
              ChannelKind::kEfficiency,
              1,
              random.uniform(55, 80),
              0.8};
    case 6:
      return {"cool eff", "%", ChannelKind::kCooling, 1, random.uniform(30, 60), 0.5};
    case 7:
      return {chance(random, 0.5) ? "cool" : "motor",
              "W",
              ChannelKind::kPower,
              1,
              random.uniform(1200, 2600),
              15};
    case 8:
      return {"flow", "x0.1 l/min", ChannelKind::kFlow, 10, random.uniform(5, 12), 0.06};
    default:
      return {"press", "x0.1 bar", ChannelKind::kPressure, 10, random.uniform(80, 170), 0.8};
  }
}

double usual_level(ChannelKind kind) {
  switch (kind) {
    case ChannelKind::kTemperature:
      return 38;
    case ChannelKind::kVibration:
      return 550;
    case ChannelKind::kEfficiency:
      return 68;
    case ChannelKind::kCooling:
      return 47;
    case ChannelKind::kPower:
      return 2100;
    case ChannelKind::kFlow:
      return 9;
    case ChannelKind::kPressure:
      return 140;
  }
  return 1;
}

/// Relative change of a channel in phase `p` of a cycle that starts with a load change, for a severity
/// in 0 … 1.
double effect(std::string_view component, double severity, ChannelKind kind, double first_phase) {
  const bool temperature = kind == ChannelKind::kTemperature;
  if (component == "cooler") {
    if (temperature) return 0.45 * severity;
    if (kind == ChannelKind::kCooling) return -0.6 * severity;
    if (kind == ChannelKind::kPower) return -0.3 * severity;
    return 0;
  }
  if (component == "valve") {
    if (kind == ChannelKind::kEfficiency) return -0.35 * severity * first_phase;
    if (kind == ChannelKind::kPressure || kind == ChannelKind::kFlow)
      return -0.2 * severity * first_phase;
    if (kind == ChannelKind::kVibration) return 0.5 * severity * first_phase;
    return 0;
  }
  if (component == "pump leak" || component == "seal") {
    if (kind == ChannelKind::kEfficiency) return -0.14 * severity;
    if (kind == ChannelKind::kFlow) return -0.22 * severity;
    if (temperature) return 0.03 * severity;
    return kind == ChannelKind::kPressure ? -0.06 * severity : 0;
  }
  if (component == "bearing" || component == "belt") {
    if (kind == ChannelKind::kVibration) return (component == "bearing" ? 0.9 : 0.45) * severity;
    return temperature ? 0.05 * severity : (kind == ChannelKind::kEfficiency ? -0.05 * severity : 0);
  }
  if (component == "filter") {
    if (kind == ChannelKind::kFlow) return -0.3 * severity;
    return kind == ChannelKind::kPressure ? 0.18 * severity
                                          : (kind == ChannelKind::kPower ? 0.1 * severity : 0);
  }
  if (kind == ChannelKind::kPressure) return -0.12 * severity * (1 - first_phase);
  return kind == ChannelKind::kVibration ? 0.2 * severity * (1 - first_phase) : 0;
}

/// Typical course of a channel over the cycle, as a factor.
double course(ChannelKind kind, double first_phase) {
  if (kind == ChannelKind::kEfficiency) return 1 - 0.75 * first_phase;
  if (kind == ChannelKind::kVibration) return 1 + 0.12 * first_phase;
  if (kind == ChannelKind::kFlow || kind == ChannelKind::kPressure) return 1 - 0.2 * first_phase;
  return 1;
}

struct Machine {
  std::vector<Component> components;
  std::vector<Channel> channels;
  std::size_t phases;
  std::string head;
};

Machine draw_machine(RandomStream& random) {
  static constexpr std::array<std::string_view, 8> kNames = {
      "hydraulic rig", "press", "pump station", "test rig",
      "compressor",    "mill",  "extruder",     "machine"};
  Machine m;
  std::vector<Component> kinds = component_kinds();
  // The commonest parts come first more often; all occur.
  if (chance(random, 0.6)) {
    kinds.resize(3);
  } else {
    random.shuffle(kinds);
    kinds.resize(static_cast<std::size_t>(integer_in(random, 1, 3)));
  }
  m.components = kinds;
  const int channels = integer_in(random, 4, 9);
  int temperatures = 0;
  while (m.channels.size() < static_cast<std::size_t>(channels)) {
    Channel c = draw_channel(random, temperatures + 1);
    const bool known =
        std::ranges::any_of(m.channels, [&](const Channel& o) { return o.name == c.name; });
    if (known) continue;
    temperatures += c.kind == ChannelKind::kTemperature;
    m.channels.push_back(c);
  }
  std::ranges::stable_sort(m.channels, {}, [](const Channel& c) { return c.kind; });
  m.phases = static_cast<std::size_t>(chance(random, 0.6) ? 5 : integer_in(random, 3, 6));
  m.head = std::string(pick(random, kNames)) + ", " + std::to_string(m.phases) + " phases of a " +
           std::to_string(10 * integer_in(random, 2, 12)) + "s cycle. ";
  return m;
}

std::vector<std::vector<double>> draw_cycle(RandomStream& random, const Machine& m,
                                            const std::vector<double>& severity) {
  std::vector<std::vector<double>> rows;
  const double ambient = random.normal(0, 0.01);
  for (const Channel& c : m.channels) {
    std::vector<double> row;
    for (std::size_t p = 0; p < m.phases; ++p) {
      const double first_phase = p == 0 ? 1.0 : (p == 1 ? 0.15 : 0.0);
      double factor = course(c.kind, first_phase) + (c.kind == ChannelKind::kTemperature ? ambient : 0);
      for (std::size_t k = 0; k < m.components.size(); ++k)
        factor += effect(m.components[k].name, severity[k], c.kind, first_phase);
      row.push_back(std::round(std::max(0.0, c.level * factor + random.normal(0, c.noise)) * c.scale));
    }
    rows.push_back(row);
  }
  return rows;
}

void ask_reading(RandomStream& random, const Machine& m, const std::vector<std::vector<double>>& rows,
                 CorpusDocument& document) {
  const std::size_t c = random.below(rows.size());
  const std::string& name = m.channels[c].name;
  std::string question, answer;
  switch (random.below(4)) {
    case 0: {
      const std::size_t p = random.below(m.phases);
      question = name + " phase " + std::to_string(p + 1);
      answer = whole_text(rows[c][p]);
      break;
    }
    case 1:
      question = "max " + name;
      answer = whole_text(std::ranges::max(rows[c]));
      break;
    case 2: {
      const std::size_t d = random.below(rows.size());
      question = name + " vs " + m.channels[d].name;
      const double a = mean_of(rows[c]), b = mean_of(rows[d]);
      answer = c == d || a == b ? "equal" : (a > b ? "above" : "below");
      break;
    }
    default:
      question = "mean " + name;
      answer = whole_text(mean_of(rows[c]));
  }
  document.push_back({"\n" + question + ":", false});
  document.push_back({" " + answer, true});
}

std::string cycle_text(const Machine& m, const std::vector<std::vector<double>>& rows) {
  std::vector<std::string> parts;
  for (std::size_t c = 0; c < rows.size(); ++c)
    parts.push_back(m.channels[c].name + " " + m.channels[c].unit + " " + whole_list(rows[c]));
  return join_text(parts, "; ");
}

}  // namespace

CorpusDocument machine_document(RandomStream& random) {
  static constexpr std::array<std::string_view, 4> kAsk = {"state", "state", "condition", "diagnosis"};
  Machine machine = draw_machine(random);
  // Levels near the fleet's usual values most of the time: then a single cycle suffices to judge.
  if (chance(random, 0.7))
    for (Channel& channel : machine.channels) {
      channel.level = usual_level(channel.kind) * random.normal(1, 0.012);
      if (channel.kind == ChannelKind::kTemperature) channel.level += random.normal(0, 4);
    }
  const std::string ask(pick(random, kAsk));
  CorpusDocument document;
  const int cycles = chance(random, 0.75) ? 1 : 2;
  for (int cycle = 0; cycle < cycles; ++cycle) {
    std::vector<double> severity;
    std::vector<std::string> states;
    for (const Component& component : machine.components) {
      const std::size_t grade = random.below(component.labels.size());
      severity.push_back(static_cast<double>(grade) / static_cast<double>(component.labels.size() - 1));
      states.push_back(std::string(component.name) + " " + std::string(component.labels[grade]));
    }
    const auto rows = draw_cycle(random, machine, severity);
    document.push_back({(cycle > 0 ? "\n" : machine.head) + cycle_text(machine, rows), false});
    const int readings = integer_in(random, 0, 3);
    for (int q = 0; q < readings; ++q) ask_reading(random, machine, rows, document);
    document.push_back({"\n" + ask + ":", false});
    document.push_back({" " + join_text(states, ", "), true});
  }
  return document;
}

}  // namespace fennec
