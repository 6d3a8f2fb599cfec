#include "core/log.h"

#include <doctest/doctest.h>

#include <regex>

#include "core/clock.h"
#include "core/error.h"
#include "core/files.h"
#include "tests/support/temp_dir.h"

using namespace fennec;  // NOLINT: test

TEST_CASE("log lines carry UTC time and level, and obey the threshold") {
  const test::TempDir dir;
  log::configure(log::Level::kWarn, (dir / "log").string());
  CHECK_FALSE(log::enabled(log::Level::kInfo));
  log::info("not {}", "this");
  log::warn("client {} {{lost}}", 7);
  log::configure(log::Level::kInfo);
  log::info("after {:.2f}", 0.125);
  const std::string text = read_text_file(dir / "log");
  const std::regex lines(
      R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning client 7 \{lost\}\n\S+Z info    after 0.1[23]\n)");
  CAPTURE(text);
  CHECK(std::regex_match(text, lines));
}

TEST_CASE("clocks move forward only, and wall time is ISO 8601") {
  ManualClock manual;
  manual.advance_to(from_seconds(2.5));
  manual.advance_to(from_seconds(1));
  CHECK(to_seconds(manual.now()) == 2.5);
  const SteadyClock steady;
  const TimePoint before = steady.now();
  CHECK(steady.now() >= before);
  CHECK(std::regex_match(wall_time_iso8601(), std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")));
}

TEST_CASE("every error code has a name of its own") {
  std::vector<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(ErrorCode::kNotFound); ++i) {
    const auto name = to_string(static_cast<ErrorCode>(i));
    CHECK(name != "unknown");
    for (const auto& other : names) CHECK(name != other);
    names.push_back(name);
  }
}
