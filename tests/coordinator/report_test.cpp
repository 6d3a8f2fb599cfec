#include "coordinator/report.h"

#include <doctest/doctest.h>

#include <limits>

#include "coordinator/report_plot.h"

using namespace fennec;

namespace {

ReportInput three_rounds() {
  ReportInput input;
  input.title = "pumps <1>";
  for (int i = 1; i <= 3; ++i) {
    RoundRecord r;
    r.round = RoundId{i};
    r.version = AdapterVersion{i};
    r.loss = 3.0 / i;
    r.bytes_up = 1000 * i;
    r.bytes_down = 500;
    r.wall_s = 1;
    r.participants.push_back({ClientId{"device-" + std::to_string(i)}, 1, 2, 3, 4, 5, 6, 7, "sha"});
    input.rounds.push_back(r);
  }
  input.evaluations.push_back({RoundId{0},
                               AdapterVersion{0},
                               2,
                               10,
                               20,
                               {{"loss", 3.0}, {"pump.accuracy", 0.25}, {"accuracy", 0.25}}});
  input.evaluations.push_back({RoundId{3},
                               AdapterVersion{3},
                               2,
                               10,
                               20,
                               {{"loss", 1.0}, {"pump.accuracy", 0.75}, {"accuracy", 0.75}}});
  return input;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("report: one page, nothing fetched, nothing unescaped") {
  const std::string html = report_html(three_rounds());
  CHECK(html.find("http") == std::string::npos);
  CHECK(html.find("<script") == std::string::npos);
  CHECK(html.find("pumps <1>") == std::string::npos);
  CHECK(html.find("pumps &lt;1&gt;") != std::string::npos);
  CHECK(count(html, "<svg") == count(html, "</svg>"));
  CHECK(count(html, "<svg") == 6);  // no forecasts, no cross term: no plots of them
  for (const char* part :
       {"training", "held-out", "pump.accuracy", "0.250 → 0.750", "device-2", "up (updates)"}) {
    CAPTURE(std::string(part));
    CHECK(html.find(part) != std::string::npos);
  }
  CHECK(report_html(three_rounds()) == html);
}

TEST_CASE("report: a run without rounds, and figures that are not finite, still make a page") {
  CHECK(report_html({}).find("</html>") != std::string::npos);
  ReportInput input = three_rounds();
  input.rounds[0].loss = std::numeric_limits<double>::quiet_NaN();
  const std::string html = report_html(input);
  CHECK(html.find("nan") == std::string::npos);
  CHECK(html.find("inf") == std::string::npos);
}

TEST_CASE("ticks: round numbers that cover the range") {
  for (const auto& [low, high] :
       {std::pair(0.0, 1.0), {0.31, 2.7}, {-5.0, 3.0}, {1e6, 7e6}, {0.001, 0.0042}}) {
    const auto ticks = round_ticks(low, high, 6);
    CHECK(ticks.front() <= low + 1e-12);
    CHECK(ticks.back() >= high - 1e-12);
    CHECK(ticks.size() >= 3);
    CHECK(ticks.size() <= 9);
  }
  for (const double tick : round_ticks(1, 5, 10, true))
    CHECK(tick == doctest::Approx(static_cast<int>(tick)));
}
