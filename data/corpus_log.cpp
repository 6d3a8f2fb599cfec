#include <array>
#include <cmath>

#include "data/corpus.h"
#include "data/sensor_text.h"

namespace fennec {
namespace {

/// A habit of a networked device: one way it opens connections, and what that means.
struct FlowHabit {
  std::string service, state, history;
  double duration, bytes_out, bytes_in;
  int packets_out, packets_in;
  std::string verdict;
};

constexpr std::array<std::string_view, 6> kBenign = {"tcp/http:80", "tcp/ssl:443", "udp/dns:53",
                                                     "udp/ntp:123", "udp/dhcp:67", "udp/dns:5353"};
constexpr std::array<std::string_view, 6> kHostile = {"tcp/-:23",   "tcp/-:22",   "tcp/-:80",
                                                      "tcp/-:8081", "tcp/-:2323", "udp/-:hi"};
constexpr std::array<std::string_view, 5> kThreats = {"port scan", "DDoS", "C&C", "okiru",
                                                      "file download"};

FlowHabit benign_habit(RandomStream& random) {
  static constexpr std::array<std::string_view, 4> kHistories = {"ShADadfF", "ShADadtfF", "Dd",
                                                                 "ShADdaFf"};
  const double size = std::exp(random.uniform(3, 8));
  const int packets = 1 + static_cast<int>(size / 300);
  return {std::string(pick(random, kBenign)),
          "SF",
          std::string(pick(random, kHistories)),
          std::exp(random.uniform(-3, 3)),
          size,
          size * random.uniform(0.5, 6),
          packets,
          packets,
          "benign"};
}

FlowHabit hostile_habit(RandomStream& random) {
  static constexpr std::array<std::string_view, 4> kStates = {"S0", "OTH", "REJ", "S3"};
  static constexpr std::array<std::string_view, 5> kHistories = {"S", "C", "Sr", "D", "ShAdDaf"};
  const bool talks = chance(random, 0.3);
  const double nan = std::nan("");
  return {std::string(pick(random, kHostile)),
          std::string(pick(random, kStates)),
          std::string(pick(random, kHistories)),
          talks ? random.uniform(1, 30) : nan,
          talks ? 120.0 : nan,
          talks ? 60.0 : nan,
          integer_in(random, 0, 4),
          talks ? 3 : 0,
          "malicious, " + std::string(pick(random, kThreats))};
}

std::string flow_text(RandomStream& random, const FlowHabit& h, bool full) {
  std::string text = h.service + " " + h.state;
  if (!full) return text;
  const auto jitter = [&](double v) { return v * std::exp(random.normal(0, 0.15)); };
  const double tenths = std::round(jitter(h.duration) * 10);
  const std::string duration = std::isnan(tenths) ? "?"
                                                  : whole_text(std::floor(tenths / 10)) + "." +
                                                        whole_text(std::fmod(tenths, 10));
  return text + " " + duration + "s " + whole_text(jitter(h.bytes_out)) + ">" +
         whole_text(jitter(h.bytes_in)) + "B " + std::to_string(h.packets_out) + ">" +
         std::to_string(h.packets_in) + "pk " + h.history;
}

CorpusDocument flows(RandomStream& random) {
  std::vector<FlowHabit> habits;
  const int kinds = integer_in(random, 2, 4);
  for (int k = 0; k < kinds; ++k)
    habits.push_back(chance(random, 0.5) ? benign_habit(random) : hostile_habit(random));
  // Devices repeat themselves: the next flow often follows the last one by a fixed order.
  const double order = random.uniform(0.3, 1);
  std::size_t at = random.below(habits.size());
  const auto step = [&] {
    at = chance(random, order) ? (at + 1) % habits.size() : random.below(habits.size());
  };
  CorpusDocument document{{"", false}};
  const int history = integer_in(random, 2, 6);
  for (int i = 0; i < history; ++i, step())
    document[0].text += flow_text(random, habits[at], true) + "\n";
  if (chance(random, 0.65)) {
    document[0].text += "now: " + flow_text(random, habits[at], true) + "\nverdict:";
    document.push_back({" " + habits[at].verdict, true});
  } else {
    document[0].text += "next:";
    document.push_back({" " + flow_text(random, habits[at], false), true});
  }
  return document;
}

std::string clock_text(int seconds) {
  const auto two = [](int v) { return (v < 10 ? "0" : "") + std::to_string(v); };
  return two(seconds / 3600 % 24) + ":" + two(seconds / 60 % 60) + ":" + two(seconds % 60);
}

/// One visitor's dialogue with a service, line by line; X stands for its name, U for the user it
/// claims.
std::vector<std::string> dialogue(RandomStream& random) {
  static const std::array<std::vector<std::string>, 6> kDialogues = {{
      {"Invalid user U from X", "Received disconnect from X: Bye Bye",
       "Disconnected from invalid user U X"},
      {"Invalid user U from X", "Connection closed by invalid user U X"},
      {"Failed password for U from X", "Failed password for U from X", "Connection closed by X"},
      {"Accepted key for U from X", "session opened for U", "session closed for U"},
      {"Connection from X", "Connection reset by X"},
      {"error: too many attempts for U from X", "Disconnecting user U X: too many failures"},
  }};
  static constexpr std::array<std::string_view, 10> kUsers = {
      "admin", "root", "test", "oracle", "pi", "guest", "backup", "git", "ubuntu", "deploy"};
  std::vector<std::string> lines = kDialogues[random.below(kDialogues.size())];
  const std::string user(pick(random, kUsers));
  for (std::string& line : lines)
    if (const auto at =
            line.find('U', line.find(" U ") == std::string::npos ? line.size() - 1 : line.find(" U "));
        at != std::string::npos)
      line.replace(at, 1, user);
  return lines;
}

CorpusDocument access_log(RandomStream& random) {
  int time = integer_in(random, 0, 86399);
  char name = 'A';
  std::vector<std::string> lines;
  const std::vector<std::string> usual = dialogue(random);
  while (lines.size() < 6) {
    std::vector<std::string> said = chance(random, 0.5) ? usual : dialogue(random);
    for (std::string& line : said) {
      if (const auto x = line.find('X'); x != std::string::npos) line.replace(x, 1, 1, name);
      lines.push_back(clock_text(time) + " " + line);
      time += integer_in(random, 0, 2);
    }
    ++name;
    time += integer_in(random, 1, 50);
  }
  const std::size_t shown = 3 + random.below(lines.size() - 3);
  lines.resize(std::min(lines.size(), shown + 1));
  CorpusDocument document{{"", false}};
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) document[0].text += lines[i] + "\n";
  document[0].text += "next:";
  document.push_back({" " + lines.back().substr(9), true});
  return document;
}

/// Device events in a fixed habitual order with now and then a fault.
CorpusDocument event_log(RandomStream& random) {
  static constexpr std::array<std::string_view, 12> kEvents = {
      "boot",       "self test ok", "door open", "door closed", "motor on", "motor off",
      "valve open", "valve closed", "light on",  "light off",   "sync ok",  "low battery"};
  static constexpr std::array<std::string_view, 4> kFaults = {"sync failed", "motor stalled",
                                                              "sensor lost", "overheat"};
  const std::vector<std::string_view> cycle =
      pick_several(random, kEvents, static_cast<std::size_t>(integer_in(random, 2, 5)));
  int time = integer_in(random, 0, 80000);
  bool fault = false;
  CorpusDocument document{{"", false}};
  const int shown = integer_in(random, 4, 9);
  std::size_t at = 0;
  for (int i = 0; i < shown; ++i, time += integer_in(random, 5, 400)) {
    const bool now = chance(random, 0.07);
    fault = fault || now;
    document[0].text += clock_text(time) + " " +
                        std::string(now ? pick(random, kFaults) : cycle[at++ % cycle.size()]) + "\n";
  }
  if (chance(random, 0.4)) {
    document[0].text += "fault:";
    document.push_back({fault ? " yes" : " no", true});
  } else {
    document[0].text += "next:";
    document.push_back({" " + std::string(cycle[at % cycle.size()]), true});
  }
  return document;
}

}  // namespace

CorpusDocument log_document(RandomStream& random) {
  const double kind = random.uniform();
  return kind < 0.45 ? flows(random) : (kind < 0.7 ? access_log(random) : event_log(random));
}

}  // namespace fennec
