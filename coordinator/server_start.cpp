// What a server reads and makes before its loop runs.
#include "coordinator/server.h"

#include <utility>

#include "core/files.h"
#include "core/log.h"

namespace fennec {

namespace {

TransportConfig bound_to(const std::string& listen, TransportConfig config) {
  config.listen = listen;
  return config;
}

}  // namespace

RoundsConfig Server::affordable_rounds(RoundId committed) {
  RoundsConfig rounds = experiment_.rounds;
  if (store_.privacy() == nullptr) return rounds;
  rounds.total =
      static_cast<int>(store_.privacy()->last_affordable_round(committed, experiment_.rounds.total));
  over_budget_ = store_.privacy()->why_shorter(rounds.total, experiment_.rounds.total);
  if (!over_budget_.empty()) log::warn("{}", over_budget_);
  return rounds;
}

CohortRule Server::cohort_rule() const {
  const DpConfig& dp = experiment_.privacy.dp;
  if (!dp.is_poisson()) return {};
  return {true, poisson_rate(experiment_), store_.noise_keys().cohort_key()};
}

void Server::start() {
  RunState state = store_.ledger().run_state();
  std::vector<std::byte> step = store_.adapters().step_bytes(state.version);
  state.step = step_file(step);
  for (const RoundRecord& record : store_.ledger().rounds())
    state.history.committed(record.round, record.participants);
  journal_.restore(store_.ledger().rounds(), store_.ledger().evaluations());
  apply_clients(store_.ledger().clients());
  const AdmissionRules rules =
      admission_rules(experiment_, identity_.run_id, identity_.base_digest, store_.layout());
  gateway_ = std::make_unique<Gateway>(
      io_, compute_, bound_to(listen_endpoint(run_, experiment_), experiment_.transport),
      read_curve_keys(run_.server_key()), allowed_, rules,
      [this](const RoundEvent& event) { handle(event); },
      [this](const ClientId& client, const Error& error) {
        journal_.event("refused", client.name, -1, error.message);
        rejected_.push_back({client, error.message});
      });
  if (experiment_.rounds.buffer_size > 0)  // a device may still begin with a plan of a while ago
    gateway_->keep_adapters(static_cast<std::size_t>(experiment_.rounds.max_staleness) + 2);
  gateway_->serve_adapter(state.version, store_.adapters().file_bytes(state.version), std::move(step));
  engine_ = std::make_unique<RoundEngine>(
      affordable_rounds(state.last_committed), to_yaml(experiment_), identity_.run_id,
      Seed(experiment_.seed), clock_, state, cohort_rule(),
      secure_rounds(run_, experiment_, store_.layout(), identity_.base_digest));
  if (const PrivacyAccount* privacy = store_.privacy())
    if (const auto sums = privacy->sums_left()) engine_->limit_sums(*sums);
  write_file_atomically(run_.endpoint(), gateway_->endpoint() + "\n");
  if (!options_.port_file.empty())
    write_file_atomically(options_.port_file,
                          gateway_->endpoint().substr(gateway_->endpoint().rfind(':') + 1) + "\n");
  journal_.listening(experiment_.name, identity_.run_id, gateway_->endpoint());
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    journal_.stopped();
    stop();
  });
  if (experiment_.privacy.secagg.is_on())
    apply_directory(read_secure_directory(run_, store_.ledger().clients()));
  every_second();
  handle(EngineStarted{});
}

}  // namespace fennec
