#pragma once
#include <deque>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "coordinator/gateway.h"
#include "coordinator/round_engine.h"
#include "coordinator/run_journal.h"
#include "coordinator/run_lock.h"
#include "coordinator/run_store.h"
#include "coordinator/secure_host.h"
#include "core/progress.h"

namespace fennec {

struct ServeOptions {
  bool json = false;                ///< JSON lines on stdout
  std::filesystem::path port_file;  ///< written once listening; empty = none
};

/// A live coordinator: the round engine on the io thread (the caller's), its actions carried out in
/// order, disk work on the disk thread, decoding on the compute thread. An action that must be on disk
/// first holds back the ones after it.
class Server {
 public:
  Server(const RunDirectory& run, ServeOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Serves until the run is over or SIGINT/SIGTERM. @return true when the run is over. Throws IoError;
  /// BudgetSpent when it is over because the privacy budget allowed fewer rounds than rounds.total.
  bool run();

 private:
  void start();
  RoundsConfig affordable_rounds(RoundId committed);
  CohortRule cohort_rule() const;
  void handle(const RoundEvent& event);
  void pump();  ///< carries out actions until one must wait for the disk
  void perform(const SendTo& action);
  void perform(const RequestUpdate& action);
  void perform(const SetTimer& action);
  void perform(const RecordRoundOpened& action);
  void perform(const StoreUpdate& action);
  void perform(const CommitRound& action);
  void perform(const RecordEvaluation& action);
  void perform(const RoundAbandoned& action);
  void perform(const RunFinished& action);
  void perform(const SendSecureFrame& action);
  void perform(const RequestVector& action);
  void perform(const NoteSecureFault& action);
  void perform(const RecordSum& action);
  void perform(const CommitSums& action);

  /// Runs `work` on the disk thread, then `done(result)` on the io thread; a failure of the disk ends
  /// the server.
  template <class Work, class Done>
  void on_disk(Work work, Done done);
  /// The same, with the actions that follow held back until it is done.
  template <class Work, class Done>
  void on_disk_holding(Work work, Done done);

  /// RunStore::commit() of it on the disk thread, then what comes of it.
  template <class Action>
  void commit(const Action& action);
  void committed(const RoundRecord& record, std::vector<std::byte> adapter_file,
                 std::vector<std::byte> step);
  void write_report();
  void every_second();
  void apply_clients(const std::vector<EnrolledClient>& clients);
  void apply_directory(const SecureDirectory& directory);
  bool everyone_told() const;
  void show_progress();
  void stop(std::exception_ptr failure = nullptr);

  RunDirectory run_;
  ServeOptions options_;
  Experiment experiment_;
  RunLock lock_;
  SteadyClock clock_;
  boost::asio::io_context io_{1};
  boost::asio::thread_pool disk_{1}, compute_{1};
  RunStore store_;  ///< disk thread, once run() has started
  RunIdentity identity_;
  RunJournal journal_;
  AllowList allowed_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer engine_timer_, second_timer_;
  std::unique_ptr<RoundEngine> engine_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<Progress> progress_;
  EnginePhase progress_phase_ = EnginePhase::kSelecting;
  std::deque<RoundAction> actions_;
  bool held_ = false, pumping_ = false, finished_ = false, stopped_ = false;
  TimePoint finished_at_{}, last_told_{};
  std::map<ClientId, EnrolledClient> clients_;
  SecureDirectory directory_;  ///< under secure aggregation
  std::set<ClientId> seen_, told_;
  std::int64_t bytes_down_before_ = 0;    ///< sent up to the last commit
  std::vector<RejectedUpdate> rejected_;  ///< since the last commit
  std::string over_budget_;               ///< why the run is shorter than planned; empty = it is not
  std::exception_ptr failure_;
};

}  // namespace fennec
