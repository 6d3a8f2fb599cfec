#include "data/series_process.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "data/angle.h"
#include "data/sensor_text.h"

namespace fennec {
namespace {

struct QuantityKind {
  std::string_view names;  ///< alternatives, '|' between
  std::string_view units;
  double low, high;  ///< range of the typical level
  double relative_spread;
  double lowest;
};

constexpr double kNone = -1e9;
constexpr std::array kQuantities = {
    QuantityKind{"temp|T|temperature|oil temp|air|coolant|room|probe", "C|x0.1 C|F", 5, 95, 0.08,
                 kNone},
    QuantityKind{"TS|T|tank temp|outlet temp|inlet temp|motor temp", "x0.1 C", 150, 900, 0.05, kNone},
    QuantityKind{"out|outdoor|dew|ambient", "C", -12, 32, 0.25, kNone},
    QuantityKind{"load|power|use|draw|heater|fridge|demand", "W|kW|x0.1 kW", 60, 3500, 0.35, 0},
    QuantityKind{"PV|solar|yield|panel", "W|W/kW|x0.1 A", 0, 800, 0.5, 0},
    QuantityKind{"PM2.5|PM10|NO2|dust|CO2|O3|smoke|VOC", "ug/m3|ppm|ppb", 8, 400, 0.3, 0},
    QuantityKind{"press|pressure|P|line pressure|suction", "kPa|x0.1 bar|hPa|mbar", 20, 1100, 0.06, 0},
    QuantityKind{"flow|FS|water|feed|supply flow", "l/h|x0.1 l/min|l/min", 4, 700, 0.15, 0},
    QuantityKind{"vib|VS|vibration|shake|rms", "um/s|x0.01 mm/s|mg", 30, 1200, 0.2, 0},
    QuantityKind{"eff|SE|CE|duty|fill|valve|humidity|RH|battery|soil", "%", 8, 98, 0.12, 0},
    QuantityKind{"speed|rpm|fan|motor speed", "rpm|x10 rpm", 40, 3000, 0.08, 0},
    QuantityKind{"current|I|phase A|supply", "mA|x0.1 A|A", 2, 900, 0.15, 0},
    QuantityKind{"volt|U|bus|supply volt", "mV|x0.1 V|V", 30, 4200, 0.03, 0},
    QuantityKind{"acc|ax|ay|az|acc x|acc y|acc z", "x0.1 m/s2|mg", -98, 98, 0.4, kNone},
    QuantityKind{"gyro|gx|gy|gz|yaw|roll|pitch", "x0.1 rad/s|dps", -20, 20, 1.2, kNone},
    QuantityKind{"wind|gust|rain|level|tide|sound|light", "m/s|mm|cm|dB|lux", 1, 300, 0.3, 0},
    QuantityKind{"count|packets|users|cars|errors|jobs", "1|/min|/h", 0, 60, 0.6, 0},
    QuantityKind{"cpu|mem|disk|net|queue|gpu", "%|MB|kB/s", 3, 95, 0.3, 0},
};

std::string_view one_of(RandomStream& random, std::string_view alternatives) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t bar = alternatives.find('|');
    parts.push_back(alternatives.substr(0, bar));
    if (bar == std::string_view::npos) break;
    alternatives.remove_prefix(bar + 1);
  }
  return pick(random, parts);
}

}  // namespace

SeriesProcess::SeriesProcess(RandomStream& random, double level, double spread) : level_(level) {
  const double rhythm = chance(random, 0.35) ? random.uniform(0.5, 1.5) : 0.0;
  const double drift = chance(random, 0.35) ? random.normal(0, 0.35) : 0.0;
  trend_ = drift * spread;
  amplitude_ = rhythm * spread;
  period_ = random.uniform(3, 24);
  phase_ = random.uniform(0, kTwoPi);
  persistence_ = chance(random, 0.3) ? 0.98 : random.uniform(0.0, 0.95);
  const double strength = chance(random, 0.2) ? 0.08 : random.uniform(0.2, 1.0);
  noise_ = strength * spread * std::sqrt(1 - persistence_ * persistence_);
  event_rate_ = chance(random, 0.2) ? 0.12 : 0.0;
  event_size_ = spread * random.uniform(2, 6) * (chance(random, 0.7) ? 1 : -1);
  state_ = random.normal(0, strength * spread);
}

double SeriesProcess::next(RandomStream& random) {
  state_ = persistence_ * state_ + random.normal(0, noise_);
  event_ *= 0.3;
  if (event_rate_ > 0 && chance(random, event_rate_)) event_ = event_size_;
  const double value =
      level_ + trend_ * t_ + amplitude_ * std::sin(kTwoPi * t_ / period_ + phase_) + state_ + event_;
  ++t_;
  return value;
}

Quantity draw_quantity(RandomStream& random) {
  const QuantityKind& kind = kQuantities[random.below(kQuantities.size())];
  Quantity quantity;
  quantity.name = one_of(random, kind.names);
  quantity.unit = one_of(random, kind.units);
  const bool wide = kind.low > 0 && kind.high / kind.low > 12;
  quantity.level = wide ? kind.low * std::pow(kind.high / kind.low, random.uniform())
                        : random.uniform(kind.low, kind.high);
  quantity.spread = std::max(1.0, kind.relative_spread * std::max(std::abs(quantity.level), 5.0)) *
                    random.uniform(0.3, 1.6);
  quantity.lowest = kind.lowest;
  if (chance(random, 0.3))
    quantity.name += (quantity.name.size() < 4 ? "" : " ") + std::to_string(integer_in(random, 1, 9));
  return quantity;
}

std::vector<Quantity> draw_quantities(RandomStream& random, std::size_t n) {
  std::vector<Quantity> quantities;
  while (quantities.size() < n) {
    Quantity candidate = draw_quantity(random);
    const bool known =
        std::ranges::any_of(quantities, [&](const Quantity& q) { return q.name == candidate.name; });
    if (!known) quantities.push_back(std::move(candidate));
  }
  return quantities;
}

std::vector<double> draw_series(RandomStream& random, const Quantity& quantity, std::size_t n,
                                double missing) {
  SeriesProcess process(random, quantity.level, quantity.spread);
  std::vector<double> values(n);
  for (double& value : values) {
    value = std::round(std::max(process.next(random), quantity.lowest));
    if (missing > 0 && chance(random, missing)) value = std::numeric_limits<double>::quiet_NaN();
  }
  return values;
}

}  // namespace fennec
