#include "coordinator/secure_host.h"

#include "core/error.h"

namespace fennec {

SecureKeys read_secure_keys(const RunDirectory& run) {
  return {read_signing_key(run.signing_key()), read_authority_key(run)};
}

SecureDirectory read_secure_directory(const RunDirectory& run,
                                      const std::vector<EnrolledClient>& clients) {
  SecureDirectory directory{read_roster_file(run), {}};
  const Result<Roster> roster = open_roster(directory.roster, read_authority_key(run));
  if (!roster) throw IoError(run.roster().string() + ": " + roster.error().message);
  std::map<std::array<std::byte, 32>, std::uint32_t> uids;
  for (const RosterEntry& entry : roster->entries)
    if ((entry.flags & kRosterRevoked) == 0) uids.emplace(entry.curve_key, entry.uid);
  for (const EnrolledClient& row : clients) {
    const auto found = uids.find(curve_key_bytes(row.public_key));
    if (row.revoked.empty() && found != uids.end()) directory.uids.emplace(row.client, found->second);
  }
  return directory;
}

std::unique_ptr<SecureRounds> secure_rounds(const RunDirectory& run, const Experiment& experiment,
                                            const LayoutPtr& layout, const std::string& base_digest) {
  if (!experiment.privacy.secagg.is_on()) return nullptr;
  return std::make_unique<SecureRounds>(experiment, layout, base_digest, read_secure_keys(run),
                                        std::make_unique<SystemEntropy>());
}

}  // namespace fennec
