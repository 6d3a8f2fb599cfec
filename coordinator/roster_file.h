#pragma once
#include <string>

#include "coordinator/run_directory.h"
#include "privacy/secagg_roster.h"
#include "transport/keys.h"

namespace fennec {

// The run's signing keys and its roster (docs/security.md). keys/authority.key signs rosters and is
// needed by `enroll` and `revoke` only: it may live on another machine the rest of the time.

/// keys/signing.key and keys/authority.key (0600), keys/authority.pub, and a roster of epoch 0 with
/// nobody on it.
void create_signing_keys(const RunDirectory& run);

/// An Ed25519 key of keys/. Throws IoError naming the file.
SigningKey read_signing_key(const std::filesystem::path& file);

/// The public half of the key that signs rosters. Throws IoError naming the file.
PublicKey read_authority_key(const RunDirectory& run);

/// The roster as it is signed on disk, and opened. Throws IoError.
std::vector<std::byte> read_roster_file(const RunDirectory& run);
Roster read_roster(const RunDirectory& run);

/// A new member with a fresh signing key, under the next epoch. Creates the keys of a run that was made
/// before there were any. Throws IoError when the authority's key is not there.
/// @param curve_key  Z85
SigningIdentity enter_roster(const RunDirectory& run, const std::string& curve_key, int valid_days);

/// Marks the member with this CURVE key as revoked, under the next epoch; nothing when it is not on the
/// roster.
void revoke_in_roster(const RunDirectory& run, const std::string& curve_key);

}  // namespace fennec
