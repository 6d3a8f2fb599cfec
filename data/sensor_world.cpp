#include "data/sensor_world.h"

#include <algorithm>
#include <array>

#include "core/error.h"

namespace fennec {
namespace {

struct Kind {
  std::string_view name;
  std::vector<Example> (*make)(RandomStream&, std::size_t);
};
constexpr std::array kWorlds = {Kind{"home", home_examples}, Kind{"wearable", wearable_examples},
                                Kind{"pump", pump_examples}};

}  // namespace

const std::vector<std::string>& world_kinds() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Kind& kind : kWorlds) all.emplace_back(kind.name);
    return all;
  }();
  return names;
}

std::string world_device_id(std::string_view kind, int device) {
  std::string number = std::to_string(device);
  if (number.size() < 4) number.insert(0, 4 - number.size(), '0');
  return std::string(kind) + "-" + number;
}

std::vector<Example> world_examples(std::string_view kind, int device, std::size_t count, Seed seed) {
  const auto found = std::ranges::find(kWorlds, kind, &Kind::name);
  if (found == kWorlds.end())
    throw ConfigError("unknown sensor-world kind '" + std::string(kind) +
                      "'; known: home, wearable, pump");
  RandomStream random(seed.child("sensor world", kind, static_cast<std::uint64_t>(device)));
  std::vector<Example> examples = found->make(random, count);
  for (Example& example : examples) example.device_id = world_device_id(kind, device);
  return examples;
}

}  // namespace fennec
