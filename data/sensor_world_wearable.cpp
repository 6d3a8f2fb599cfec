#include <array>

#include "data/inertial.h"
#include "data/sensor_text.h"
#include "data/sensor_world.h"

namespace fennec {
namespace {

struct Activity {
  Motion motion;
  std::string_view label;
};
constexpr std::array<Activity, 7> kActivities = {{{Motion::kStill, "sit"},
                                                  {Motion::kWalking, "walk"},
                                                  {Motion::kTurning, "turn"},
                                                  {Motion::kRising, "stand up"},
                                                  {Motion::kSitting, "sit down"},
                                                  {Motion::kRunning, "run"},
                                                  {Motion::kLying, "lie"}}};
constexpr std::size_t kSit = 0, kWalk = 1, kTurn = 2, kRise = 3, kSitDown = 4, kRun = 5, kLie = 6;

/// How a person spends the day: sedentary people sit, runners run.
struct Habits {
  double sit, run, lie;  ///< chance to end a walk in it
  double stay;           ///< chance that the present activity goes on for another second
};

/// The next second's activity: one gets to sitting through sitting down, and out of it through standing
/// up.
std::size_t next_activity(RandomStream& random, const Habits& habits, std::size_t now) {
  switch (now) {
    case kSit:
      return chance(random, habits.stay) ? kSit : kRise;
    case kLie:
      return chance(random, habits.stay) ? kLie : kRise;
    case kRise:
      return chance(random, 0.4) ? kRise : kWalk;
    case kSitDown:
      return chance(random, 0.4) ? kSitDown : (chance(random, habits.lie) ? kLie : kSit);
    case kTurn:
      return chance(random, 0.5) ? kTurn : kWalk;
    case kRun:
      return chance(random, habits.stay) ? kRun : kWalk;
    default:
      if (chance(random, habits.run)) return kRun;
      if (chance(random, habits.sit)) return kSitDown;
      return chance(random, 0.25) ? kTurn : kWalk;
  }
}

std::string prompt_of(const InertialStatistics& s) {
  std::vector<double> magnitude;
  for (std::size_t i = 0; i < s.magnitude.size(); i += 2) magnitude.push_back(s.magnitude[i]);
  return "wearable 1s. acc x0.1 m/s2 mean " + whole_list(s.acc_mean, 10) + " sd " +
         whole_list(s.acc_sd, 10) + "; gyro x0.1 rad/s mean " + whole_list(s.gyro_mean, 10) + " sd " +
         whole_list(s.gyro_sd, 10) + "; |acc| " + whole_list(magnitude, 10) + "\nactivity:";
}

}  // namespace

std::vector<Example> wearable_examples(RandomStream& random, std::size_t count) {
  const Wearer wearer = draw_wearer(random);
  const Habits habits{random.uniform(0.05, 0.35),
                      chance(random, 0.5) ? random.uniform(0.03, 0.25) : 0.01,
                      random.uniform(0.05, 0.5), random.uniform(0.6, 0.85)};
  LabelSlot slot;
  for (const Activity& activity : kActivities) slot.labels.emplace_back(activity.label);
  std::vector<Example> examples;
  std::size_t now = kSit;
  for (std::size_t i = 0; i < count; ++i) {
    const InertialWindow window = draw_window(random, wearer, kActivities[now].motion, 20);
    examples.push_back({"",
                        prompt_of(statistics_of(window)),
                        " " + std::string(kActivities[now].label),
                        "wearable_activity",
                        TaskKind::kLabel,
                        {slot}});
    now = next_activity(random, habits, now);
  }
  return examples;
}

}  // namespace fennec
