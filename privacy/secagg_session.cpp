#include "privacy/secagg_session.h"

#include <algorithm>

namespace fennec {

std::vector<std::uint32_t> SecAggSession::neighbours(std::uint32_t uid) const {
  std::vector<std::uint32_t> uids = graph->neighbours(rank(uid));
  for (std::uint32_t& r : uids) r = members[r];  // ranks ascend with uids
  return uids;
}

std::vector<std::uint32_t> SecAggSession::neighbours_in(std::uint32_t uid,
                                                        std::span<const std::uint32_t> set) const {
  std::vector<std::uint32_t> uids = neighbours(uid);
  std::erase_if(uids, [&](std::uint32_t other) { return !contains(set, other); });
  return uids;
}

}  // namespace fennec
