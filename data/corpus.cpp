#include "data/corpus.h"

#include <array>

namespace fennec {
namespace {

struct Family {
  std::string_view name;
  double weight;
  CorpusDocument (*make)(RandomStream&);
};

constexpr std::array kFamilies = {
    Family{"series", 0.24, series_document}, Family{"forecast", 0.20, forecast_document},
    Family{"motion", 0.17, motion_document}, Family{"machine", 0.14, machine_document},
    Family{"log", 0.09, log_document},       Family{"rule", 0.08, rule_document},
    Family{"prose", 0.03, prose_document},   Family{"stream", 0.05, stream_document},
};

const Family& draw_family(RandomStream& random) {
  std::array<double, kFamilies.size()> weights{};
  for (std::size_t i = 0; i < kFamilies.size(); ++i) weights[i] = kFamilies[i].weight;
  return kFamilies[random.categorical(weights)];
}

}  // namespace

std::string to_text(const CorpusDocument& document) {
  std::string text;
  for (const CorpusPiece& piece : document) text += piece.text;
  return text;
}

CorpusDocument SensorCorpus::document(std::uint64_t index) const {
  RandomStream random(seed_.child("document", index));
  const Family& family = draw_family(random);
  return family.make(random);
}

std::string_view SensorCorpus::family(std::uint64_t index) const {
  RandomStream random(seed_.child("document", index));
  return draw_family(random).name;
}

std::vector<std::string_view> SensorCorpus::families() {
  std::vector<std::string_view> names;
  for (const Family& family : kFamilies) names.push_back(family.name);
  return names;
}

}  // namespace fennec
