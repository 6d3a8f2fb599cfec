#include "coordinator/server.h"

#include <csignal>

#include <fmt/format.h>
#include <boost/asio/post.hpp>

#include "coordinator/run_report.h"
#include "core/files.h"
#include "core/log.h"

namespace fennec {

namespace asio = boost::asio;

namespace {

constexpr auto kFlushing = std::chrono::seconds(1);  // the last messages leave the sockets
constexpr auto kFarewell =
    std::chrono::seconds(10);  // a client that is reconnecting just now learns that the run is over

struct Committed {
  std::optional<RoundRecord> record;  ///< none: the round opens again as `open` says
  std::vector<std::byte> adapter_file, step;
  RunState open;
};

}  // namespace

Server::Server(const RunDirectory& run, ServeOptions options)
    : run_(run),
      options_(std::move(options)),
      experiment_(run.load_experiment()),
      lock_(run),
      store_(run),
      identity_(store_.ledger().identity()),
      journal_(run, experiment_.rounds.total, options_.json,
               privacy_summary(experiment_, store_.ledger().privacy_releases(), false)),
      signals_(io_, SIGINT, SIGTERM),
      engine_timer_(io_),
      second_timer_(io_) {}

Server::~Server() {
  disk_.join();
  compute_.join();
}

bool Server::run() {
  start();
  io_.run();
  disk_.join();  // what was handed to the disk gets there
  if (failure_) std::rethrow_exception(failure_);
  if (finished_ && !over_budget_.empty()) throw BudgetSpent(over_budget_);
  return finished_;
}

void Server::stop(std::exception_ptr failure) {
  if (failure && !failure_) failure_ = std::move(failure);
  stopped_ = true;
  progress_.reset();
  io_.stop();
}

// ---- the engine

void Server::handle(const RoundEvent& event) {
  if (const auto* arrived = std::get_if<ClientArrived>(&event);
      arrived != nullptr && !engine_->clients().contains(arrived->client)) {
    log::debug("client {}: arrived with {} examples", arrived->client.name,
               arrived->hello.train_examples);
    journal_.event("arrived", arrived->client.name);
    if (seen_.insert(arrived->client).second)
      on_disk(
          [client = arrived->client](RunStore& store) {
            store.ledger().mark_seen(client);
            return 0;
          },
          [](int) {});
  }
  if (const auto* lost = std::get_if<ClientLost>(&event)) journal_.event("lost", lost->client.name);
  for (RoundAction& action : engine_->handle(event)) actions_.push_back(std::move(action));
  pump();
  show_progress();
}

void Server::pump() {
  if (std::exchange(pumping_, true)) return;
  while (!held_ && !stopped_ && !actions_.empty()) {
    const RoundAction action = std::move(actions_.front());
    actions_.pop_front();
    std::visit([this](const auto& a) { perform(a); }, action);
  }
  pumping_ = false;
}

template <class Work, class Done>
void Server::on_disk(Work work, Done done) {
  asio::post(disk_, [this, work = std::move(work), done = std::move(done)]() mutable {
    try {
      auto result = work(store_);
      asio::post(io_, [this, result = std::move(result), done = std::move(done)]() mutable {
        if (!stopped_) done(std::move(result));
      });
    } catch (const std::exception&) {
      asio::post(io_, [this, failure = std::current_exception()] { stop(failure); });
    }
  });
}

template <class Work, class Done>
void Server::on_disk_holding(Work work, Done done) {
  held_ = true;
  on_disk(std::move(work), [this, done = std::move(done)](auto result) mutable {
    done(std::move(result));
    held_ = false;
    pump();
  });
}

// ---- actions

void Server::perform(const SendTo& action) {
  if (const auto* rejected = std::get_if<UpdateRejected>(&action.message))
    return gateway_->reject(action.client, rejected->round, Error{rejected->code, rejected->reason});
  gateway_->send(action.client, action.message);
  if (!std::holds_alternative<Finished>(action.message)) return;
  last_told_ = clock_.now();
  if (told_.insert(action.client).second)
    on_disk(
        [client = action.client](RunStore& store) {
          store.ledger().mark_told_finished(client);
          return 0;
        },
        [](int) {});
}

void Server::perform(const RequestUpdate& action) { gateway_->fetch(action.client, action.offer); }

void Server::perform(const SetTimer& action) {
  engine_timer_.expires_after(action.after);
  engine_timer_.async_wait([this, timer = action.timer](const boost::system::error_code& error) {
    if (!error) handle(TimerFired{timer});
  });
}

void Server::perform(const RecordRoundOpened& action) {
  journal_.event("round_opened", "", action.round.value,
                 fmt::format("{} clients", action.cohort.size()));
  on_disk_holding(
      [action](RunStore& store) {
        store.round_opened(action.round, action.cohort);
        return 0;
      },
      [](int) {});
}

void Server::perform(const StoreUpdate& action) {
  on_disk(
      [action, bytes = gateway_->take_update(action.client)](RunStore& store) {
        store.store_update(action.client, action.offer, bytes);
        return 0;
      },
      [this, action](int) {
        journal_.event("update_stored", action.client.name, action.offer.round.value,
                       action.offer.payload_sha256);
        handle(UpdateStored{action.client, action.offer});
      });
}

void Server::perform(const SendSecureFrame& action) {
  gateway_->send_secure(action.client, action.round, action.frame);
}

void Server::perform(const RequestVector& action) {
  gateway_->fetch_vector(action.client, action.offer);
}

void Server::perform(const NoteSecureFault& action) {
  gateway_->complain(action.client,
                     Error{ErrorCode::kMalformed, fmt::format("secure aggregation, round {}: {}",
                                                              action.round.value, action.what)});
}

void Server::perform(const RecordSum& action) {
  on_disk_holding(
      [action](RunStore& store) {
        store.sum_opened(action.round, action.opening);
        return 0;
      },
      [](int) {});
}

void Server::perform(const CommitRound& action) { commit(action); }
void Server::perform(const CommitSums& action) { commit(action); }

template <class Action>
void Server::commit(const Action& action) {
  const std::int64_t sent = gateway_->payload_bytes_sent();
  const std::int64_t bytes_down = sent - std::exchange(bytes_down_before_, sent);
  on_disk(
      [action, bytes_down, rejected = rejected_](RunStore& store) {
        Committed made{store.commit(action, bytes_down, rejected), {}, {}, {}};
        if (made.record) {
          made.adapter_file = store.adapters().file_bytes(made.record->version);
          made.step = store.adapters().step_bytes(made.record->version);
        } else {
          made.open = store.ledger().run_state();
        }
        return made;
      },
      [this, action, bytes_down, counted = rejected_.size()](Committed made) {
        if (made.record) {
          rejected_.erase(rejected_.begin(), rejected_.begin() + static_cast<std::ptrdiff_t>(counted));
          return committed(*made.record, std::move(made.adapter_file), std::move(made.step));
        }
        bytes_down_before_ -= bytes_down;  // counted with the commit that comes
        handle(CommitFailed{action.round, made.open.open_cohort, made.open.stored});
      });
}

void Server::committed(const RoundRecord& record, std::vector<std::byte> adapter_file,
                       std::vector<std::byte> step) {
  progress_.reset();
  const StepFile announced = step_file(step);
  gateway_->serve_adapter(record.version, std::move(adapter_file), std::move(step));
  journal_.round_committed(record);
  write_report();
  handle(RoundCommitted{record.round, record.version, record.adapter_bytes, record.adapter_sha256,
                        record.participants, announced});
}

void Server::perform(const RecordEvaluation& action) {
  on_disk_holding([action](RunStore& store) { return store.evaluated(action); },
                  [this](const EvaluationRecord& record) {
                    progress_.reset();
                    journal_.evaluated(record);
                    write_report();
                  });
}

void Server::perform(const RoundAbandoned& action) {
  log::warn("round {} is abandoned: {}", action.round.value, action.reason);
  journal_.event("round_abandoned", "", action.round.value, action.reason);
  on_disk(
      [action](RunStore& store) {
        store.ledger().round_abandoned(action.round, {action.abort, action.reason});
        return 0;
      },
      [](int) {});
}

void Server::perform(const RunFinished& action) {
  progress_.reset();
  finished_ = true;
  finished_at_ = clock_.now();
  if (const auto privacy = privacy_account(experiment_, {}); privacy && over_budget_.empty())
    over_budget_ = privacy->why_shorter(action.version.value, experiment_.rounds.total);
  write_report();
  on_disk([](RunStore&) { return 0; },
          [this, version = action.version](int) { journal_.finished(run_, version); });
}

void Server::write_report() {
  on_disk(
      [this](RunStore& store) {
        write_file_atomically(run_.report(), report_html(live_report(store.ledger(), experiment_)));
        return 0;
      },
      [](int) {});
}

// ---- once a second

void Server::every_second() {
  second_timer_.expires_after(finished_ ? std::chrono::milliseconds(100)
                                        : std::chrono::milliseconds(1000));
  second_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || stopped_) return;
    if (finished_ && everyone_told()) return stop();
    on_disk([](RunStore& store) { return store.ledger().clients(); },
            [this](const std::vector<EnrolledClient>& clients) { apply_clients(clients); });
    if (experiment_.privacy.secagg.is_on())
      on_disk([this](RunStore& s) { return read_secure_directory(run_, s.ledger().clients()); },
              [this](const SecureDirectory& directory) { apply_directory(directory); });
    show_progress();
    every_second();
  });
}

/// Whether nobody is left who should hear that the run is over.
bool Server::everyone_told() const {
  const TimePoint now = clock_.now();
  if (now - finished_at_ > kFarewell) return true;
  const bool gone = engine_->clients().connected().empty();  // each said goodbye
  if (!gone && (now - last_told_ < kFlushing || now - finished_at_ < kFlushing)) return false;
  for (const auto& [client, row] : clients_)
    if (row.revoked.empty() && (row.seen || seen_.contains(client)) && !row.told_finished &&
        !told_.contains(client))
      return false;
  return true;
}

/// `enroll` and `revoke` write to the ledger while we serve; this is where the server notices.
void Server::apply_clients(const std::vector<EnrolledClient>& clients) {
  std::map<std::string, ClientId> admitted;
  std::vector<ClientId> revoked;
  bool changed = clients_.size() != clients.size();
  for (const EnrolledClient& row : clients) {
    const auto before = clients_.find(row.client);
    if (row.revoked.empty())
      admitted.emplace(row.public_key, row.client);
    else if (before != clients_.end() && before->second.revoked.empty())
      revoked.push_back(row.client);
    clients_.insert_or_assign(row.client, row);
  }
  if (changed || !revoked.empty()) allowed_.replace(std::move(admitted));
  for (const ClientId& client : revoked) {
    log::info("client {}: revoked", client.name);
    journal_.event("revoked", client.name);
    gateway_->revoke(client);
    handle(ClientRevoked{client});
  }
}

void Server::apply_directory(const SecureDirectory& directory) {
  if (directory.roster == directory_.roster && directory.uids == directory_.uids) return;
  directory_ = directory;
  handle(DirectoryRead{directory});
}

void Server::show_progress() {
  if (stopped_ || finished_) return;
  const EnginePhase phase = engine_->phase();
  const std::int64_t cohort = updates_wanted(experiment_.rounds);
  if (!progress_ || phase != progress_phase_) {
    progress_phase_ = phase;
    const std::string what =
        phase == EnginePhase::kTraining
            ? fmt::format("round {}/{}, updates", engine_->round().value, experiment_.rounds.total)
            : std::string(to_string(phase));
    progress_.reset();
    progress_ = std::make_unique<Progress>(what, cohort);
  }
  if (const SecureRound* sum = engine_->open_sum())
    progress_->advance_to(static_cast<std::int64_t>(sum->answered()));
  else if (const Round* round = engine_->open_round())
    progress_->advance_to(
        static_cast<std::int64_t>(round->stored().size() + round->all_ready().size()));
  else if (const EvaluationRound* evaluation = engine_->open_evaluation())
    progress_->advance_to(static_cast<std::int64_t>(evaluation->answered()));
  else
    progress_->advance_to(static_cast<std::int64_t>(engine_->clients().eligible().size()));
}

}  // namespace fennec
