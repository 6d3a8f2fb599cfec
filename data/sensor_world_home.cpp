#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "data/angle.h"
#include "data/sensor_text.h"
#include "data/sensor_world.h"

namespace fennec {
namespace {

constexpr std::size_t kShownHours = 8;  ///< hours shown
constexpr std::size_t kStride = 5;      ///< hours between examples: all hours of the day occur
constexpr std::array<std::string_view, 3> kPresence = {"away", "awake", "asleep"};
enum Presence : std::size_t { kAway, kAwake, kAsleep };

/// What differs between homes.
struct Household {
  double base_w, cooking_w, evening_w, heating_w_per_k;
  int wake, leave, back, sleep;  ///< hours of a working day
  bool at_home;                  ///< someone stays in on working days
  double solar_yield;            ///< W per kW installed at full sun
  double mean_outdoor, swing;    ///< °C
  double cloudiness;             ///< 0 clear … 1 overcast
  double outing;                 ///< chance of a weekend afternoon out
};

struct Hour {
  double load, solar, outdoor;
  Presence presence;
};

Household draw_household(RandomStream& random) {
  Household h{};
  h.base_w = random.uniform(60, 350);
  h.cooking_w = random.uniform(300, 1800);
  h.evening_w = random.uniform(150, 700);
  h.heating_w_per_k = chance(random, 0.5) ? random.uniform(20, 70) : 0;
  h.wake = integer_in(random, 5, 8);
  h.leave = h.wake + integer_in(random, 1, 3);
  h.back = integer_in(random, 15, 19);
  h.sleep = integer_in(random, 21, 24);
  h.at_home = chance(random, 0.3);
  h.solar_yield = random.uniform(500, 850);
  h.mean_outdoor = random.uniform(2, 24);
  h.swing = random.uniform(2, 6);
  h.cloudiness = random.uniform(0.1, 0.7);
  h.outing = random.uniform(0.1, 0.7);
  return h;
}

/// Hour by hour life in one home.
class HomeLife {
 public:
  explicit HomeLife(RandomStream& random)
      : random_(random), home_(draw_household(random)), weekday_(integer_in(random, 0, 6)) {}

  int weekday(std::size_t t) const { return weekday_ + static_cast<int>(t / 24); }

  Hour next() {
    const int hour = t_ % 24, day = (weekday_ + t_ / 24) % 7;
    if (hour == 0) {
      out_today_ = day >= 5 ? chance(random_, home_.outing) : !home_.at_home;
      cloud_ = std::clamp(0.6 * cloud_ + 0.4 * home_.cloudiness + random_.normal(0, 0.2), 0.0, 0.95);
      weather_ = 0.7 * weather_ + random_.normal(0, 1.5);
    }
    Hour now{};
    now.presence = presence(hour, day);
    now.outdoor = home_.mean_outdoor + weather_ - home_.swing * std::cos(kTwoPi * (hour - 3) / 24);
    const double sun = std::max(0.0, std::sin(kTwoPi / 2 * (hour + 0.5 - 6) / 13));
    now.solar =
        home_.solar_yield * sun * (1 - 0.8 * std::clamp(cloud_ + random_.normal(0, 0.08), 0.0, 1.0));
    now.load = load(hour, now);
    ++t_;
    return now;
  }

 private:
  Presence presence(int hour, int day) const {
    const int wake = home_.wake + (day >= 5 ? 2 : 0);
    if (hour < wake || hour >= home_.sleep) return kAsleep;
    const int leave = day >= 5 ? 13 : home_.leave, back = day >= 5 ? 17 : home_.back;
    return out_today_ && hour >= leave && hour < back ? kAway : kAwake;
  }

  double load(int hour, const Hour& now) {
    double watts = home_.base_w + home_.heating_w_per_k * std::max(0.0, 19 - now.outdoor) *
                                      (now.presence == kAway ? 0.5 : 1.0);
    if (now.presence == kAwake) {
      watts += 90;
      if (hour >= 17) watts += home_.evening_w;
      const bool meal = hour == home_.wake || hour == 12 || hour == 18 || hour == 19;
      if (meal) watts += home_.cooking_w * random_.uniform(0.5, 1);
    }
    return watts * std::exp(random_.normal(0, 0.06));
  }

  RandomStream& random_;
  Household home_;
  int weekday_, t_ = 0;
  bool out_today_ = false;
  double cloud_ = 0.4, weather_ = 0;
};

std::string window_text(const HomeLife& life, const std::vector<Hour>& hours, std::size_t first) {
  std::vector<double> load, solar;
  for (std::size_t t = first; t < first + kShownHours; ++t) {
    load.push_back(hours[t].load);
    solar.push_back(hours[t].solar);
  }
  const auto from = static_cast<int>(first % 24);
  return "home " + std::string(weekday_text(life.weekday(first))) + " " + hour_text(from) + "-" +
         hour_text(from + static_cast<int>(kShownHours) - 1) + " load W " + whole_list(load) +
         "; PV W/kW " + whole_list(solar) + "; out " +
         whole_text(hours[first + kShownHours - 1].outdoor) + " C";
}

}  // namespace

std::vector<Example> home_examples(RandomStream& random, std::size_t count) {
  HomeLife life(random);
  std::vector<Hour> hours;
  std::vector<Example> examples;
  const LabelSlot occupancy{"", "", {kPresence.begin(), kPresence.end()}};
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t first = i * kStride;
    while (hours.size() <= first + kShownHours) hours.push_back(life.next());
    const std::string text = window_text(life, hours, first);
    if (i % 2 == 0)
      examples.push_back({"",
                          text + "\nload in 1h:",
                          " " + whole_text(hours[first + kShownHours].load),
                          "home_load",
                          TaskKind::kForecast,
                          {}});
    else
      examples.push_back({"",
                          text + "\noccupancy:",
                          " " + std::string(kPresence[hours[first + kShownHours - 1].presence]),
                          "home_occupancy",
                          TaskKind::kLabel,
                          {occupancy}});
  }
  return examples;
}

}  // namespace fennec
