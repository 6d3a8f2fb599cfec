#pragma once
#include <map>
#include <vector>

#include "coordinator/secure_rounds.h"
#include "privacy/secagg_client.h"
#include "simulations/device_population.h"

namespace fennec {

/// What enrolment would have given the coordinator and the devices of a simulated run: keys and a
/// roster, all from the seed, so that the run repeats itself and nothing is protected. The clock of
/// their validity stands at 0.
class SimulatedKeys {
 public:
  SimulatedKeys(const std::vector<Device>& devices, Seed seed);

  SecureKeys coordinator() const;
  const SecureDirectory& directory() const { return directory_; }
  SecAggIdentity identity(const ClientId& device) const;

 private:
  SigningKey signing_, authority_;
  std::map<ClientId, SigningKey> devices_;
  SecureDirectory directory_;
};

}  // namespace fennec
