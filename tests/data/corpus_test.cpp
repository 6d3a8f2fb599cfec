#include "data/corpus.h"

#include <doctest/doctest.h>

#include <set>

namespace fennec {

TEST_CASE("a corpus document depends on the seed and its index only") {
  const SensorCorpus corpus(Seed(7).child("corpus"));
  const SensorCorpus again(Seed(7).child("corpus"));
  const SensorCorpus other(Seed(8).child("corpus"));
  int same = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    CHECK(to_text(corpus.document(i)) == to_text(again.document(i)));
    same += to_text(corpus.document(i)) == to_text(other.document(i));
  }
  CHECK(same == 0);
}

TEST_CASE("corpus documents keep the conventions of sensor text") {
  const SensorCorpus corpus(Seed(1));
  std::set<std::string_view> families;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    CAPTURE(i);
    const CorpusDocument document = corpus.document(i);
    const std::string text = to_text(document);
    CAPTURE(text);
    families.insert(corpus.family(i));
    CHECK(text.find("  ") == std::string::npos);
    CHECK(text.find("nan") == std::string::npos);
    CHECK(text.find("-0 ") == std::string::npos);
    CHECK(text.size() < 2000);
    for (std::size_t k = 0; k < document.size(); ++k) {
      REQUIRE_FALSE(document[k].text.empty());
      if (!document[k].answer) continue;
      CHECK(document[k].text.size() > 1);
      CHECK(document[k].text[0] == ' ');
      CHECK(document[k].text[1] != ' ');
      CHECK(document[k - 1].text.back() != ' ');
    }
  }
  CHECK(families.size() == SensorCorpus::families().size());
}

}  // namespace fennec
