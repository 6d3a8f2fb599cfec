#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"

namespace fennec {

/// A stretch of a corpus document: context, or an answer that a reader of the context should be able to
/// give.
struct CorpusPiece {
  std::string text;  ///< answers begin with one space; the next piece begins with a newline or nothing
  bool answer = false;
};
using CorpusDocument = std::vector<CorpusPiece>;
std::string to_text(const CorpusDocument& document);

/// Generated sensor text for pretraining: numeric reading in many formats. Names, units, label words,
/// scales and the physics behind the numbers are drawn anew for each document, so that what is learnt
/// is reading, not a world. Document i depends only on the seed and i.
class SensorCorpus {
 public:
  explicit SensorCorpus(Seed seed) : seed_(seed) {}
  CorpusDocument document(std::uint64_t index) const;
  /// The family that document(index) is drawn from.
  std::string_view family(std::uint64_t index) const;
  static std::vector<std::string_view> families();

 private:
  Seed seed_;
};

// The families, one file each: corpus_<family>.cpp.
CorpusDocument series_document(
    RandomStream& random);  ///< a few named series, questions about their values
CorpusDocument forecast_document(
    RandomStream& random);  ///< hourly records, the next value or its level
CorpusDocument motion_document(
    RandomStream& random);  ///< statistics of an inertial window, the activity
CorpusDocument machine_document(
    RandomStream& random);  ///< phase means of a machine cycle, component states
CorpusDocument log_document(
    RandomStream& random);  ///< network flows and log lines, verdict or next line
CorpusDocument rule_document(RandomStream& random);    ///< a stated threshold or comparison, applied
CorpusDocument prose_document(RandomStream& random);   ///< plain status sentences
CorpusDocument stream_document(RandomStream& random);  ///< one series, continued value by value

}  // namespace fennec
