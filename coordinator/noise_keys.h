#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "core/ids.h"
#include "privacy/random_source.h"
#include "transport/messages.h"

namespace fennec {

/// Digest of whose updates a round folds, and of the bytes of each.
std::string contributors_digest(const std::map<ClientId, UpdateOffer>& contributors);

/// Secret keys of a run's draws, each a file of mode 0600. A round's noise key is on disk before its
/// noise is drawn, so that a commit that is done again after a crash adds the same noise (two releases
/// with different noise over one sum would average it out); it is removed once the round is committed.
class NoiseKeys {
 public:
  explicit NoiseKeys(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// The round's noise for this set of contributors; another set gets noise of its own.
  std::unique_ptr<RandomSource> noise(RoundId round, const std::string& contributors) const;
  void forget(RoundId round) const;  ///< the key of the round, if there is one
  /// The key that draws Poisson cohorts; made when there is none. Kept for the life of the run.
  SecretKey cohort_key() const;

 private:
  std::filesystem::path file_of(RoundId round) const;
  SecretKey read_or_make(const std::filesystem::path& file) const;
  std::filesystem::path directory_;
};

}  // namespace fennec
