#include <algorithm>
#include <array>
#include <cmath>

#include "data/angle.h"
#include "data/corpus.h"
#include "data/sensor_text.h"

namespace fennec {
namespace {

/// Hourly signals of one place over a few days; index = hours since some midnight.
struct Place {
  int weekday;  ///< of hour 0
  std::vector<double> main;
  std::vector<std::vector<double>> others;
};

/// What is forecast, and what is reported beside it.
struct Scene {
  std::string name, unit, prefix;
  std::vector<std::string> other_names, other_units;
  bool others_as_series = false;
  std::vector<std::string_view> levels;
  std::vector<double> limits;  ///< level i: value ≤ limits[i]
};

double bell(double hour, double at, double width) {
  double d = std::abs(hour - at);
  d = std::min(d, 24 - d);
  return std::exp(-0.5 * d * d / (width * width));
}

std::vector<double> persistent(RandomStream& random, std::size_t n, double keep, double sd) {
  std::vector<double> x(n);
  double state = random.normal(0, sd);
  for (double& v : x) {
    v = state;
    state = keep * state + random.normal(0, sd * std::sqrt(1 - keep * keep));
  }
  return x;
}

std::vector<double> outdoor_temperature(RandomStream& random, std::size_t n) {
  const double mean = random.uniform(-8, 28), swing = random.uniform(1, 7);
  const std::vector<double> weather = persistent(random, n, 0.97, 2.5);
  std::vector<double> t(n);
  for (std::size_t h = 0; h < n; ++h)
    t[h] = mean + weather[h] - swing * std::cos(kTwoPi * (static_cast<double>(h % 24) - 3) / 24);
  return t;
}

std::vector<double> solar(RandomStream& random, std::size_t n) {
  const double rise = random.uniform(5, 8), length = random.uniform(8.5, 15),
               peak = random.uniform(250, 850);
  const std::vector<double> cloud = persistent(random, n, 0.9, 1.0);
  const double cloudiness = random.uniform(-1.5, 1.2);
  std::vector<double> pv(n);
  for (std::size_t h = 0; h < n; ++h) {
    const double x = (static_cast<double>(h % 24) + 0.5 - rise) / length;
    const double sun = x > 0 && x < 1 ? std::sin(x * kTwoPi / 2) : 0;
    const double clear = 1 / (1 + std::exp(1.8 * (cloud[h] + cloudiness)));
    pv[h] = std::round(peak * std::pow(sun, 1.3) * (0.15 + 0.85 * clear));
  }
  return pv;
}

std::vector<double> household_load(RandomStream& random, std::size_t n, int weekday) {
  const double base = random.uniform(60, 500), morning = random.uniform(0, 1200),
               evening = random.uniform(200, 2200);
  const double morning_at = random.uniform(6, 9), evening_at = random.uniform(17, 22),
               weekend = random.uniform(0, 700);
  const double spike = random.uniform(0.02, 0.15), spike_size = random.uniform(500, 3000);
  const std::vector<double> mood = persistent(random, n, 0.7, 0.3);
  std::vector<double> load(n);
  double appliance = 0;
  for (std::size_t h = 0; h < n; ++h) {
    const double hour = static_cast<double>(h % 24);
    const int day = (weekday + static_cast<int>(h / 24)) % 7;
    const double activity = morning * bell(hour, morning_at, 1.2) +
                            evening * bell(hour, evening_at, 2.2) +
                            (day >= 5 ? weekend * bell(hour, 13, 3.5) : 0.0);
    appliance = chance(random, spike) ? spike_size * random.uniform(0.5, 1)
                                      : (chance(random, 0.5) ? 0 : appliance * 0.8);
    load[h] = std::round((base + activity) * std::exp(mood[h]) + appliance);
  }
  return load;
}

std::vector<double> pollutant(RandomStream& random, std::size_t n) {
  const double typical = std::exp(random.uniform(2.5, 5.2)), sd = random.uniform(0.4, 1.0);
  const std::vector<double> slow = persistent(random, n, 0.98, sd),
                            fast = persistent(random, n, 0.6, 0.09);
  std::vector<double> x(n);
  for (std::size_t h = 0; h < n; ++h)
    x[h] = std::round(std::max(2.0, typical * std::exp(slow[h] + fast[h])));
  return x;
}

std::vector<double> count_by_hour(RandomStream& random, std::size_t n, int weekday) {
  const double peak = std::exp(random.uniform(2.5, 6.5)), at = random.uniform(8, 19),
               night = random.uniform(0.02, 0.2);
  const double weekend = random.uniform(0.2, 1.2);
  std::vector<double> x(n);
  for (std::size_t h = 0; h < n; ++h) {
    const int day = (weekday + static_cast<int>(h / 24)) % 7;
    const double rate =
        peak * (night + bell(static_cast<double>(h % 24), at, 3.5)) * (day >= 5 ? weekend : 1.0);
    x[h] = std::round(std::max(0.0, rate + random.normal(0, 0.4 * std::sqrt(rate) + 0.06 * rate)));
  }
  return x;
}

std::vector<double> slow_level(RandomStream& random, std::size_t n) {
  std::vector<double> x(n);
  double level = random.uniform(20, 95), rate = 0;
  for (double& v : x) {
    v = std::round(level);
    if (chance(random, 0.12)) rate = random.normal(0, 3.5);
    level = std::clamp(level + rate + random.normal(0, 0.4), 1.0, 100.0);
  }
  return x;
}

std::string_view wind_text(RandomStream& random) {
  static constexpr std::array<std::string_view, 12> kWinds = {"N", "NE", "E",   "SE",  "S",   "SW",
                                                              "W", "NW", "NNE", "WSW", "SSE", "ENE"};
  return pick(random, kWinds);
}

std::string numbered(RandomStream& random, std::string_view name) {
  return std::string(name) + (chance(random, 0.6) ? std::to_string(integer_in(random, 1, 60)) : "");
}

void fill_home(RandomStream& random, Scene& scene, Place& place, std::size_t hours) {
  static constexpr std::array<std::string_view, 5> kHomes = {"home", "house", "flat", "site", "meter"};
  const bool ask_load = chance(random, 0.55);
  scene = {ask_load ? "load" : "PV",
           ask_load ? "W" : "W/kW",
           numbered(random, pick(random, kHomes)),
           {ask_load ? "PV" : "load", "out"},
           {ask_load ? "W/kW" : "W", "C"},
           true,
           {"low", "medium", "high"},
           {300, 900, 1e9}};
  const std::vector<double> pv = solar(random, hours),
                            load = household_load(random, hours, place.weekday);
  place.main = ask_load ? load : pv;
  place.others = {ask_load ? pv : load, outdoor_temperature(random, hours)};
}

void fill_air(RandomStream& random, Scene& scene, Place& place, std::size_t hours) {
  static constexpr std::array<std::string_view, 6> kStations = {"station", "park",   "north",
                                                                "harbor",  "center", "school"};
  static constexpr std::array<std::string_view, 4> kAir = {"PM2.5", "PM10", "NO2", "O3"};
  scene = {std::string(pick(random, kAir)),
           "ug/m3",
           numbered(random, pick(random, kStations)),
           {"T", "dew", "wind"},
           {"C", "C", "m/s"},
           false,
           {"excellent", "good", "light", "moderate", "heavy", "severe"},
           {35, 75, 115, 150, 250, 1e9}};
  place.main = pollutant(random, hours);
  place.others = {outdoor_temperature(random, hours), outdoor_temperature(random, hours),
                  persistent(random, hours, 0.9, 2)};
  for (double& w : place.others[2]) w = std::abs(w);
}

void fill_counts(RandomStream& random, Scene& scene, Place& place, std::size_t hours) {
  static constexpr std::array<std::string_view, 4> kCounts = {"cars", "visitors", "requests", "bikes"};
  scene = {std::string(pick(random, kCounts)), "/h",          numbered(random, "gate"), {}, {}, false,
           {"quiet", "normal", "busy"},        {20, 120, 1e9}};
  place.main = count_by_hour(random, hours, place.weekday);
}

void fill_level(RandomStream& random, Scene& scene, Place& place, std::size_t hours) {
  static constexpr std::array<std::string_view, 4> kLevels = {"battery", "tank", "soil", "humidity"};
  scene = {std::string(pick(random, kLevels)),
           "%",
           numbered(random, "node"),
           {},
           {},
           false,
           {"low", "ok", "full"},
           {30, 80, 1e9}};
  place.main = slow_level(random, hours);
}

void fill_room(RandomStream& random, Scene& scene, Place& place, std::size_t hours) {
  scene = {chance(random, 0.5) ? "T" : "temp", "C",          numbered(random, "room"), {}, {}, false,
           {"cold", "mild", "warm"},           {10, 20, 1e9}};
  place.main = outdoor_temperature(random, hours);
  for (double& t : place.main) t = std::round(t);
}

/// The order of the draws is part of what a seed means: the shipped model's corpus follows from it.
Place make_place(RandomStream& random, Scene& scene, std::size_t hours) {
  Place place{integer_in(random, 0, 6), {}, {}};
  switch (random.below(6)) {
    case 0:
    case 1:
      fill_home(random, scene, place, hours);
      break;
    case 2:
    case 3:
      fill_air(random, scene, place, hours);
      break;
    case 4:
      fill_counts(random, scene, place, hours);
      break;
    default:
      chance(random, 0.5) ? fill_level(random, scene, place, hours)
                          : fill_room(random, scene, place, hours);
  }
  return place;
}

std::string record_text(RandomStream& random, const Scene& scene, const Place& place, std::size_t from,
                        std::size_t n) {
  const int first = static_cast<int>(from % 24), day = place.weekday + static_cast<int>(from / 24);
  std::string text = scene.prefix + " " + std::string(weekday_text(day)) + " " + hour_text(first) +
                     "-" + hour_text(first + static_cast<int>(n) - 1) + " " + scene.name + " " +
                     scene.unit + " " + whole_list(std::span(place.main).subspan(from, n));
  const bool show_others = !place.others.empty() && chance(random, 0.8);
  for (std::size_t k = 0; show_others && k < place.others.size(); ++k) {
    const bool series = scene.others_as_series && k + 1 < place.others.size();
    text += (k == 0 || scene.others_as_series ? "; " : " ") + scene.other_names[k] + " ";
    if (scene.other_names[k] == "wind") text += std::string(wind_text(random)) + " ";
    const std::string value = series ? whole_list(std::span(place.others[k]).subspan(from, n))
                                     : whole_text(place.others[k][from + n - 1]);
    text += series ? scene.other_units[k] + " " + value : value + " " + scene.other_units[k];
  }
  return text;
}

std::string level_text(const Scene& scene, double value) {
  std::size_t i = 0;
  while (value > scene.limits[i]) ++i;
  return std::string(scene.levels[i]);
}

std::string level_list(const Scene& scene) {
  std::string list;
  for (const std::string_view level : scene.levels)
    list += (list.empty() ? "" : "/") + std::string(level);
  return list;
}

}  // namespace

CorpusDocument forecast_document(RandomStream& random) {
  const auto n = static_cast<std::size_t>(chance(random, 0.6) ? 8 : integer_in(random, 5, 12));
  const std::size_t hours = 24 + n + 30;
  Scene scene;
  const Place place = make_place(random, scene, hours);
  const std::size_t from = random.below(24);
  CorpusDocument document{{record_text(random, scene, place, from, n), false}};
  const int questions = integer_in(random, 1, 4);
  for (int q = 0; q < questions; ++q) {
    const int ahead = chance(random, 0.65) ? 1 : integer_in(random, 2, 6);
    const double value = place.main[from + n - 1 + static_cast<std::size_t>(ahead)];
    const std::string in = " in " + std::to_string(ahead) + "h";
    if (chance(random, 0.7)) {
      document.push_back({"\n" + scene.name + in + ":", false});
      document.push_back({" " + whole_text(value), true});
    } else if (chance(random, 0.6)) {
      document.push_back({"\n" + scene.name + " level" + in + " (" + level_list(scene) + "):", false});
      document.push_back({" " + level_text(scene, value), true});
    } else {
      document.push_back({"\n" + scene.name + " now:", false});
      document.push_back({" " + whole_text(place.main[from + n - 1]), true});
    }
  }
  return document;
}

}  // namespace fennec
