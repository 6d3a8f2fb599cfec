#pragma once
#include <vector>

#include "coordinator/ledger.h"
#include "coordinator/roster_file.h"
#include "coordinator/secure_rounds.h"

namespace fennec {

// What secure aggregation takes from a run directory.

/// Throws IoError naming the file.
SecureKeys read_secure_keys(const RunDirectory& run);

/// The roster, and which of `clients` are on it and not revoked. Throws IoError.
SecureDirectory read_secure_directory(const RunDirectory& run,
                                      const std::vector<EnrolledClient>& clients);

/// Null when privacy.secagg.mode is off.
std::unique_ptr<SecureRounds> secure_rounds(const RunDirectory& run, const Experiment& experiment,
                                            const LayoutPtr& layout, const std::string& base_digest);

}  // namespace fennec
