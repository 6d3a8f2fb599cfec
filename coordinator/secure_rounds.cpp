#include "coordinator/secure_rounds.h"

#include <algorithm>
#include <utility>

#include "aggregation/travel.h"

namespace fennec {
namespace {

constexpr int kOpeningBits = 24;  // of a session number; the round stands above

std::uint64_t session_number(RoundId round, std::int64_t opening) {
  FENNEC_CHECK(opening >= 1 && opening < (std::int64_t{1} << kOpeningBits));
  return (static_cast<std::uint64_t>(round.value) << kOpeningBits) |
         static_cast<std::uint64_t>(opening);
}

}  // namespace

SecAggPlan secagg_plan(const Experiment& experiment, const LayoutPtr& layout, RoundId round) {
  const Half half = half_of_round(travel_of(experiment.aggregation), round);
  const LayoutPtr part = travelling_layout(layout, half);
  return {experiment.privacy.secagg,
          experiment.rounds.cohort_size,
          experiment.privacy.clip_norm,
          part->size(),
          part->digest(),
          experiment.privacy.dp};
}

void check_secure_plan(const Experiment& experiment, const LayoutPtr& layout) {
  if (!experiment.privacy.secagg.is_on()) return;
  const std::string problem = session_problem(secagg_plan(experiment, layout, RoundId{1}));
  if (!problem.empty()) throw ConfigError(problem);
}

SecureRounds::SecureRounds(const Experiment& experiment, LayoutPtr layout, std::string base_digest,
                           SecureKeys keys, std::unique_ptr<Entropy> entropy)
    : experiment_(experiment),
      layout_(std::move(layout)),
      base_digest_(std::move(base_digest)),
      keys_(std::move(keys)),
      entropy_(std::move(entropy)) {}

int SecureRounds::fewest_updates() const {
  const RoundsConfig& rounds = experiment_.rounds;
  return std::max(rounds.min_updates, experiment_.privacy.secagg.fewest_updates(rounds.cohort_size));
}

Result<std::unique_ptr<SecureRound>> SecureRounds::open(RoundId round, std::int64_t opening,
                                                        const std::string& adapter_sha256,
                                                        const std::vector<ClientId>& members) {
  std::vector<ClientId> lot = members;
  const int groups = experiment_.privacy.secagg.groups;
  if (groups > 1)  // drawn before anything is known of the updates
    RandomStream(Seed(experiment_.seed)
                     .child("secure_groups", static_cast<std::uint64_t>(round.value))
                     .child("opening", static_cast<std::uint64_t>(opening)))
        .shuffle(lot);
  const Sha256Digest model = session_model(base_digest_, adapter_sha256);
  std::vector<SecureRound::Group> made;
  auto next = lot.begin();
  for (const std::uint32_t size : group_sizes(static_cast<std::uint32_t>(lot.size()), groups)) {
    const auto end = next + static_cast<std::ptrdiff_t>(size);
    auto group = make_group(round, session_number(round, opening), model, {next, end});
    if (!group) return tl::unexpected<Error>(group.error());
    made.push_back(std::move(*group));
    next = end;
  }
  return std::make_unique<SecureRound>(std::move(made),
                                       from_seconds(experiment_.privacy.secagg.phase_deadline_s));
}

Result<SecureRound::Group> SecureRounds::make_group(RoundId round, std::uint64_t session,
                                                    const Sha256Digest& model,
                                                    std::vector<ClientId> members) {
  const SecAggPlan plan = secagg_plan(experiment_, layout_, round);
  auto params = session_params(plan, static_cast<std::uint32_t>(members.size()));
  if (!params) return tl::unexpected<Error>(params.error());
  SecureRound::Group group;
  SecAggOpening opening{std::move(*params), directory_.roster, {}, session, model};
  for (ClientId& client : members) {
    FENNEC_CHECK(knows(client), "only clients on the roster count as ready");
    const std::uint32_t uid = directory_.uids.at(client);
    opening.cohort.push_back(uid);
    group.members.emplace(uid, std::move(client));
  }
  auto server =
      SecAggServer::create(std::move(opening), keys_.signing.clone(), keys_.authority, *entropy_);
  if (!server) return tl::unexpected<Error>(server.error());
  group.server = std::move(*server);
  return group;
}

}  // namespace fennec
