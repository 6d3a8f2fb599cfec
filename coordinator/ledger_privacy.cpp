// The privacy ledger: what was released with how much noise.
#include "coordinator/ledger.h"

namespace fennec {

void Ledger::privacy_spent(const PrivacyRelease& r) {
  db_.prepare("INSERT OR IGNORE INTO privacy_releases VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)")
      .bind(r.round.value)
      .bind(r.contributors)
      .bind(r.sampling_rate)
      .bind(r.noise_multiplier)
      .bind(r.clip_norm)
      .bind(r.next_clip_norm)
      .bind(r.epsilon)
      .run();
}

std::vector<PrivacyRelease> Ledger::privacy_releases() const {
  std::vector<PrivacyRelease> out;
  // Runs from before there was a privacy ledger have none to tell of.
  if (!db_.prepare("SELECT 1 FROM sqlite_master WHERE name = 'privacy_releases'").step()) return out;
  Statement row = db_.prepare(
      "SELECT round, contributors, sampling_rate, noise_multiplier, clip_norm, next_clip_norm, "
      "epsilon FROM "
      "privacy_releases ORDER BY position");
  while (row.step())
    out.push_back({RoundId{row.integer(0)}, row.text(1), row.real(2), row.real(3), row.real(4),
                   row.real(5), row.real(6)});
  return out;
}

}  // namespace fennec
