#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/privacy_account.h"
#include "coordinator/round_engine.h"
#include "coordinator/round_record.h"
#include "coordinator/sqlite.h"
#include "core/parameter_set.h"

namespace fennec {

/// What identifies a run; written once by create_run.
struct RunIdentity {
  std::string run_id, experiment_hash, base_digest, layout_digest;
};

struct EnrolledClient {
  ClientId client;
  std::string public_key;  ///< Z85
  std::string enrolled;    ///< ISO 8601
  std::string revoked;     ///< ISO 8601; empty while admitted
  bool seen = false;       ///< has taken part in this run
  bool told_finished = false;
};

struct AdapterRow {
  AdapterVersion version;
  std::int64_t bytes = 0;
  std::string sha256;
};

/// ledger.sqlite: what has happened, and nothing that has not. Every call is one transaction, on disk
/// when it returns. Throws IoError. Not thread-safe; `enroll` and `revoke` of another process may write
/// beside `serve`.
class Ledger {
 public:
  /// Creates the file and its tables.
  static void create(const std::filesystem::path& file, const RunIdentity& identity,
                     const ParameterLayout& layout, const AdapterRow& version0);
  explicit Ledger(const std::filesystem::path& file,
                  bool read_only = false);  ///< kVersion of the schema checked

  RunIdentity identity() const;
  LayoutPtr layout() const;    ///< of the adapter, so that `serve` needs no base model
  RunState run_state() const;  ///< revoked clients are neither in the cohort nor in the stored updates

  void enroll(const ClientId& client,
              const std::string& public_key);   ///< ConfigError when the name is taken
  void revoke(const ClientId& client);          ///< ConfigError when there is no such client
  std::vector<EnrolledClient> clients() const;  ///< ascending
  void mark_seen(const ClientId& client);
  void mark_told_finished(const ClientId& client);

  void round_opened(RoundId round, const std::vector<ClientId>& cohort);
  void round_abandoned(RoundId round, const ReopenedRound& why);
  /// @param round  the open one, into which it counts; its plan may be of an earlier one
  void update_stored(RoundId round, const ClientId& client, const UpdateOffer& offer);
  void update_dropped(RoundId round, const ClientId& client);  ///< as if it had never come
  void round_committed(const RoundRecord& record);             ///< the adapter's files are on disk
  void evaluated(const EvaluationRecord& pooled,
                 const std::vector<std::pair<ClientId, EvaluationReport>>& reports);

  void privacy_spent(const PrivacyRelease& release);     ///< nothing when the line is there already
  std::vector<PrivacyRelease> privacy_releases() const;  ///< in the order they were written

  std::vector<std::pair<ClientId, UpdateOffer>> updates(RoundId round) const;
  std::vector<RoundRecord> rounds() const;  ///< committed, ascending
  std::vector<EvaluationRecord> evaluations() const;
  std::optional<AdapterRow> adapter(AdapterVersion version) const;
  AdapterVersion latest() const;
  std::int64_t abandoned_rounds() const;
  std::vector<ReopenedRound> reopened(RoundId round) const;  ///< in order

 private:
  std::string meta(const char* key) const;
  std::vector<ParticipantRecord> participants(RoundId round) const;
  std::vector<RejectedUpdate> rejected(RoundId round) const;
  void insert_participants(const RoundRecord& record);
  void insert_aggregation(const RoundRecord& record);
  SecureFigures secure_figures(RoundId round) const;
  Database db_;
};

}  // namespace fennec
