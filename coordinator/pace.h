#pragma once
#include <cstddef>

#include "core/rng.h"

namespace fennec {

/// Pace steering (Bonawitz et al., MLSys 2019, section 2.3): when a client that is not needed now
/// should ask again, so that about as many ask as are wanted and no crowd asks at once. With many
/// clients for each place in a round G = population / wanted rounds pass between a client's turns, and
/// it asks after U[0.5, 1.5]·G of them; with few (less than ten for each place) all are needed in the
/// next round, and ask when the open one is over.
/// @param wanted  clients a round asks, at least 1  @param round_s  how long a round takes
/// @param left_s  until the open round is over at the latest
/// @return seconds, from 1 to a day
double rejoin_seconds(std::size_t population, std::size_t wanted, double round_s, double left_s,
                      RandomStream random);

}  // namespace fennec
