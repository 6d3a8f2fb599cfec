#include <algorithm>
#include <array>
#include <cmath>

#include "data/corpus.h"
#include "data/inertial.h"
#include "data/sensor_text.h"

namespace fennec {
namespace {

constexpr std::array<std::array<std::string_view, 3>, 8> kWords = {{
    {"seated", "sitting", "resting"},
    {"walking", "walking", "moving"},
    {"turning", "turning", "turning around"},
    {"standing up", "getting up", "rising"},
    {"sitting down", "sitting down", "lowering"},
    {"running", "jogging", "running"},
    {"stairs", "climbing", "stairs"},
    {"lying", "lying", "asleep"},
}};

/// How a document writes a window: scales, names and parts are drawn.
struct Style {
  double acc_scale, gyro_scale;
  std::string acc_unit, gyro_unit, acc_name, gyro_name, mean_name, sd_name;
  bool magnitude, short_form;
};

Style draw_style(RandomStream& random) {
  static constexpr std::array<std::string_view, 4> kAcc = {"acc", "acc", "accel", "a"};
  static constexpr std::array<std::string_view, 4> kGyro = {"gyro", "gyro", "rot", "w"};
  Style s;
  const bool metric = chance(random, 0.75);
  s.acc_scale = metric ? 10 : 1000 / 9.81;
  s.acc_unit = metric ? "x0.1 m/s2" : "mg";
  const bool radian = chance(random, 0.75);
  s.gyro_scale = radian ? 10 : 57.2958;
  s.gyro_unit = radian ? "x0.1 rad/s" : "deg/s";
  s.acc_name = std::string(pick(random, kAcc));
  s.gyro_name = std::string(pick(random, kGyro));
  s.mean_name = chance(random, 0.8) ? "mean" : "avg";
  s.sd_name = chance(random, 0.8) ? "sd" : "dev";
  s.magnitude = chance(random, 0.75);
  s.short_form = chance(random, 0.15);
  return s;
}

std::string window_text(const Style& s, const InertialStatistics& x, const std::string& head,
                        std::size_t stride) {
  std::string text = head + s.acc_name + " " + s.acc_unit + " " + s.mean_name + " " +
                     whole_list(x.acc_mean, s.acc_scale) + " " + s.sd_name + " " +
                     whole_list(x.acc_sd, s.acc_scale);
  if (!s.short_form)
    text += "; " + s.gyro_name + " " + s.gyro_unit + " " + s.mean_name + " " +
            whole_list(x.gyro_mean, s.gyro_scale) + " " + s.sd_name + " " +
            whole_list(x.gyro_sd, s.gyro_scale);
  if (s.magnitude) {
    std::vector<double> kept;
    for (std::size_t i = 0; i < x.magnitude.size(); i += stride) kept.push_back(x.magnitude[i]);
    text += "; |" + s.acc_name + "| " + whole_list(kept, s.acc_scale);
  }
  return text;
}

std::string axis_of(const Vector3& v, bool with_sign) {
  std::size_t best = 0;
  for (std::size_t k = 1; k < 3; ++k)
    if (std::abs(v[k]) > std::abs(v[best])) best = k;
  const std::string sign = with_sign && v[best] < 0 ? "-" : "";
  return sign + std::string(1, static_cast<char>('x' + best));
}

/// A question about the numbers themselves: reading comes before judging.
void ask_reading(RandomStream& random, const Style& s, const InertialStatistics& x,
                 CorpusDocument& document) {
  const auto ask = [&](const std::string& question, const std::string& answer) {
    document.push_back({"\n" + question + ":", false});
    document.push_back({" " + answer, true});
  };
  const double energy = x.acc_sd[0] + x.acc_sd[1] + x.acc_sd[2];
  const double rotation =
      std::abs(x.gyro_mean[0]) + std::abs(x.gyro_mean[1]) + std::abs(x.gyro_mean[2]);
  switch (random.below(6)) {
    case 0:
      return ask("gravity axis", axis_of(x.acc_mean, true));
    case 1:
      return ask("movement", energy < 1.2 ? "low" : (energy < 4 ? "medium" : "high"));
    case 2:
      return ask("most " + s.acc_name + " " + s.sd_name, axis_of(x.acc_sd, false));
    case 3:
      return ask("rotation", rotation < 0.4 ? "none" : (rotation < 1.2 ? "some" : "strong"));
    case 4:
      return ask(s.acc_name + " " + s.sd_name + " x", whole_text(x.acc_sd[0] * s.acc_scale));
    default:
      return ask("rotation axis", axis_of(x.gyro_mean, false));
  }
}

}  // namespace

CorpusDocument motion_document(RandomStream& random) {
  static constexpr std::array<std::string_view, 8> kDevices = {"phone", "watch", "phone", "watch",
                                                               "belt",  "band",  "badge", "tag"};
  static constexpr std::array<std::string_view, 5> kAsk = {"activity", "activity", "motion", "doing",
                                                           "state"};
  // A document is one wearer; several windows of it give the reader a baseline to compare with.
  const Wearer wearer = draw_wearer(random);
  const Style style = draw_style(random);
  const std::string device(pick(random, kDevices)), ask(pick(random, kAsk));
  const bool seconds2 = chance(random, 0.2);
  const std::size_t samples = seconds2 ? 40 : 20, stride = seconds2 ? 4 : (chance(random, 0.8) ? 2 : 4);
  const std::string head = device + (seconds2 ? " 2s" : " 1s") + (chance(random, 0.8) ? ". " : ": ");
  const std::size_t vocabulary = random.below(3);
  const bool wide = chance(random, 0.35);
  CorpusDocument document;
  const int windows = chance(random, 0.6) ? 1 : integer_in(random, 2, 3);
  for (int w = 0; w < windows; ++w) {
    const auto motion = static_cast<Motion>(random.below(wide ? 8 : 5));
    const InertialStatistics x = statistics_of(draw_window(random, wearer, motion, samples));
    document.push_back({(w > 0 ? "\n" : "") + window_text(style, x, head, stride), false});
    if (style.short_form == false && chance(random, 0.6)) ask_reading(random, style, x, document);
    if (chance(random, 0.25)) ask_reading(random, style, x, document);
    document.push_back({"\n" + ask + ":", false});
    document.push_back({" " + std::string(kWords[static_cast<std::size_t>(motion)][vocabulary]), true});
  }
  return document;
}

}  // namespace fennec
