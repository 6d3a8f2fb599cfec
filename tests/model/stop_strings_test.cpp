#include "model/stop_strings.h"

#include <doctest/doctest.h>

#include "core/rng.h"

using namespace fennec;

namespace {

/// What is let through of a text that comes character by character: the first moment at which a stop
/// string is complete ends it.
std::string slow(const std::string& text, const std::vector<std::string>& stops) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::size_t longest = 0;
    for (const std::string& stop : stops)
      if (!stop.empty() && text.substr(0, end).ends_with(stop))
        longest = std::max(longest, stop.size());
    if (longest > 0) return text.substr(0, end - longest);
  }
  return text;
}

}  // namespace

TEST_CASE("stop strings: any cutting of a text lets the same through") {
  RandomStream random(Seed(3).child("texts"));
  for (int i = 0; i < 3000; ++i) {
    std::vector<std::string> stops(random.below(4));
    for (std::string& stop : stops)
      for (std::uint64_t n = random.below(4); n > 0; --n) stop += "ab"[random.below(2)];
    std::string text;
    for (std::uint64_t n = random.below(14); n > 0; --n) text += "abc"[random.below(3)];
    StopStrings watch(stops);
    std::string through;
    for (std::size_t at = 0; at < text.size() && !watch.has_stopped();) {
      const std::size_t n = 1 + random.below(4);
      through += watch.add(std::string_view(text).substr(at, n));
      at += n;
    }
    const bool stopped = watch.has_stopped();
    through += watch.finish();
    const std::string expected = slow(text, stops);
    CAPTURE(text);
    CHECK(through == expected);
    CHECK(stopped == (expected.size() < text.size()));
  }
}

TEST_CASE("stop strings: what cannot become one is not held back") {
  StopStrings watch({"\nUser:", "###"});
  CHECK(watch.add("Hello#") == "Hello");
  CHECK(watch.add("1") == "#1");
  CHECK(watch.add(" ok\nUs") == " ok");
  CHECK(watch.add("er: x") == "");
  CHECK(watch.has_stopped());
  CHECK(watch.add("more") == "");
}
