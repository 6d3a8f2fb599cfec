#include "simulations/simulated_keys.h"

#include <limits>

namespace fennec {

SimulatedKeys::SimulatedKeys(const std::vector<Device>& devices, Seed seed) {
  SeededEntropy entropy(seed);
  signing_ = SigningKey::generate(entropy);
  authority_ = SigningKey::generate(entropy);
  Roster roster;
  roster.epoch = 1;
  for (const Device& device : devices) {
    RosterEntry entry;
    entry.uid = static_cast<std::uint32_t>(roster.entries.size() + 1);
    const SigningKey& key = devices_.emplace(device.id, SigningKey::generate(entropy)).first->second;
    entry.signing_key = key.public_key();
    entropy.fill(entry.curve_key);
    entry.not_after = std::numeric_limits<std::int64_t>::max();
    directory_.uids.emplace(device.id, entry.uid);
    roster.entries.push_back(entry);
  }
  directory_.roster = sign_roster(roster, authority_);
}

SecureKeys SimulatedKeys::coordinator() const { return {signing_.clone(), authority_.public_key()}; }

SecAggIdentity SimulatedKeys::identity(const ClientId& device) const {
  return {directory_.uids.at(device), devices_.at(device).clone(), signing_.public_key(),
          authority_.public_key()};
}

}  // namespace fennec
