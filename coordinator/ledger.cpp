#include "coordinator/ledger.h"

#include <fmt/format.h>

#include "coordinator/ledger_schema.h"
#include "core/clock.h"
#include "core/error.h"
#include "transport/wire.h"

namespace fennec {

namespace {

UpdateOffer decode_offer(const std::vector<std::byte>& bytes) {
  const Result<Message> message = decode_header(bytes);
  const UpdateOffer* offer = message ? std::get_if<UpdateOffer>(&*message) : nullptr;
  if (offer == nullptr) throw IoError("ledger: an update's offer does not decode");
  return *offer;
}

}  // namespace

void Ledger::create(const std::filesystem::path& file, const RunIdentity& identity,
                    const ParameterLayout& layout, const AdapterRow& version0) {
  Database db(file);
  Transaction transaction(db);
  db.execute(kLedgerSchema);
  const std::pair<const char*, std::string> values[] = {{"schema", std::to_string(kLedgerVersion)},
                                                        {"run_id", identity.run_id},
                                                        {"experiment_hash", identity.experiment_hash},
                                                        {"base_digest", identity.base_digest},
                                                        {"layout_digest", identity.layout_digest}};
  for (const auto& [key, value] : values)
    db.prepare("INSERT INTO meta VALUES (?, ?)").bind(std::string_view(key)).bind(value).run();
  for (const ParameterEntry& entry : layout.entries())
    db.prepare("INSERT INTO layout (name, rows, columns) VALUES (?, ?, ?)")
        .bind(entry.name)
        .bind(entry.shape.at(0))
        .bind(entry.shape.at(1))
        .run();
  db.prepare("INSERT INTO adapters VALUES (?, ?, ?)")
      .bind(version0.version.value)
      .bind(version0.bytes)
      .bind(version0.sha256)
      .run();
  transaction.commit();
}

Ledger::Ledger(const std::filesystem::path& file, bool read_only) : db_(file, read_only) {
  if (meta("schema") != std::to_string(kLedgerVersion))
    throw IoError(fmt::format("{}: ledger schema {}, this program reads {}", file.string(),
                              meta("schema"), kLedgerVersion));
}

std::string Ledger::meta(const char* key) const {
  Statement row = db_.prepare("SELECT value FROM meta WHERE key = ?");
  return row.bind(std::string_view(key)).step() ? row.text(0) : "";
}

RunIdentity Ledger::identity() const {
  return {meta("run_id"), meta("experiment_hash"), meta("base_digest"), meta("layout_digest")};
}

LayoutPtr Ledger::layout() const {
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors;
  Statement row = db_.prepare("SELECT name, rows, columns FROM layout ORDER BY position");
  while (row.step()) tensors.push_back({row.text(0), {row.integer(1), row.integer(2)}});
  auto layout = std::make_shared<const ParameterLayout>(std::move(tensors));
  if (layout->digest() != meta("layout_digest"))
    throw IoError("ledger: the adapter layout does not have the recorded digest");
  return layout;
}

AdapterVersion Ledger::latest() const {
  Statement row = db_.prepare("SELECT max(version) FROM adapters");
  row.step();
  return AdapterVersion{row.integer(0)};
}

std::optional<AdapterRow> Ledger::adapter(AdapterVersion version) const {
  Statement row = db_.prepare("SELECT bytes, sha256 FROM adapters WHERE version = ?");
  if (!row.bind(version.value).step()) return std::nullopt;
  return AdapterRow{version, row.integer(0), row.text(1)};
}

RunState Ledger::run_state() const {
  RunState state;
  state.version = latest();
  const AdapterRow current = *adapter(state.version);
  state.adapter_bytes = current.bytes;
  state.adapter_sha256 = current.sha256;
  state.last_committed = RoundId{state.version.value};
  state.evaluated = db_.prepare("SELECT 1 FROM evaluations WHERE after_round = ?")
                        .bind(state.last_committed.value)
                        .step();
  const RoundId open{state.last_committed.value + 1};
  Statement cohort = db_.prepare(
      "SELECT client FROM cohort JOIN clients ON name = client WHERE round = ? AND revoked IS NULL "
      "ORDER BY client");
  cohort.bind(open.value);
  while (cohort.step()) state.open_cohort.push_back(ClientId{cohort.text(0)});
  for (auto& [client, offer] : updates(open)) state.stored.emplace(client, offer);
  Statement opened = db_.prepare("SELECT openings FROM rounds WHERE round = ?");
  if (opened.bind(open.value).step()) state.openings = opened.integer(0);
  return state;
}

// ---- clients

void Ledger::enroll(const ClientId& client, const std::string& public_key) {
  Transaction transaction(db_);
  if (db_.prepare("SELECT 1 FROM clients WHERE name = ?").bind(client.name).step())
    throw ConfigError("client '" + client.name +
                      "' is already enrolled; a revoked name is not used again");
  db_.prepare("INSERT INTO clients (name, public_key, enrolled) VALUES (?, ?, ?)")
      .bind(client.name)
      .bind(public_key)
      .bind(wall_time_iso8601())
      .run();
  transaction.commit();
}

void Ledger::revoke(const ClientId& client) {
  Transaction transaction(db_);
  if (!db_.prepare("SELECT 1 FROM clients WHERE name = ?").bind(client.name).step())
    throw ConfigError("no client '" + client.name + "' is enrolled in this run");
  db_.prepare("UPDATE clients SET revoked = ? WHERE name = ? AND revoked IS NULL")
      .bind(wall_time_iso8601())
      .bind(client.name)
      .run();
  transaction.commit();
}

std::vector<EnrolledClient> Ledger::clients() const {
  std::vector<EnrolledClient> out;
  Statement row = db_.prepare(
      "SELECT name, public_key, enrolled, revoked, seen, told_finished FROM clients ORDER BY name");
  while (row.step())
    out.push_back({ClientId{row.text(0)}, row.text(1), row.text(2), row.text(3), row.integer(4) != 0,
                   row.integer(5) != 0});
  return out;
}

void Ledger::mark_seen(const ClientId& client) {
  db_.prepare("UPDATE clients SET seen = 1 WHERE name = ? AND seen = 0").bind(client.name).run();
}

void Ledger::mark_told_finished(const ClientId& client) {
  db_.prepare("UPDATE clients SET told_finished = 1 WHERE name = ?").bind(client.name).run();
}

// ---- rounds

void Ledger::round_opened(RoundId round, const std::vector<ClientId>& cohort) {
  Transaction transaction(db_);
  db_.prepare(
         "INSERT INTO rounds (round, opened, openings) VALUES (?, ?, 1) ON CONFLICT (round) DO UPDATE "
         "SET openings = openings + 1")
      .bind(round.value)
      .bind(wall_time_iso8601())
      .run();
  db_.prepare("DELETE FROM cohort WHERE round = ?").bind(round.value).run();
  for (const ClientId& client : cohort)
    db_.prepare("INSERT INTO cohort VALUES (?, ?)").bind(round.value).bind(client.name).run();
  transaction.commit();
}

void Ledger::round_abandoned(RoundId round, const ReopenedRound& why) {
  db_.prepare("INSERT INTO abandoned VALUES (?, ?, ?, ?)")
      .bind(round.value)
      .bind(wall_time_iso8601())
      .bind(why.reason)
      .bind(why.abort)
      .run();
}

std::int64_t Ledger::abandoned_rounds() const {
  Statement row = db_.prepare("SELECT count(*) FROM abandoned");
  row.step();
  return row.integer(0);
}

void Ledger::update_stored(RoundId round, const ClientId& client, const UpdateOffer& offer) {
  const std::vector<std::byte> header = encode_header(Message(offer));
  db_.prepare("INSERT OR REPLACE INTO updates VALUES (?, ?, ?, ?)")
      .bind(round.value)
      .bind(client.name)
      .bind(offer.payload_sha256)
      .bind(std::span<const std::byte>(header))
      .run();
}

void Ledger::update_dropped(RoundId round, const ClientId& client) {
  db_.prepare("DELETE FROM updates WHERE round = ? AND client = ?")
      .bind(round.value)
      .bind(client.name)
      .run();
}

std::vector<std::pair<ClientId, UpdateOffer>> Ledger::updates(RoundId round) const {
  std::vector<std::pair<ClientId, UpdateOffer>> out;
  Statement row = db_.prepare(
      "SELECT client, offer FROM updates JOIN clients ON name = client WHERE round = ? AND revoked IS "
      "NULL ORDER BY client");
  row.bind(round.value);
  while (row.step()) out.emplace_back(ClientId{row.text(0)}, decode_offer(row.blob(1)));
  return out;
}

void Ledger::round_committed(const RoundRecord& r) {
  Transaction transaction(db_);
  db_.prepare("INSERT INTO adapters VALUES (?, ?, ?)")
      .bind(r.version.value)
      .bind(r.adapter_bytes)
      .bind(r.adapter_sha256)
      .run();
  db_.prepare(
         "UPDATE rounds SET committed = ?, version = ?, examples = ?, tokens = ?, loss = ?, "
         "update_norm = ?, bytes_up = ?, "
         "bytes_down = ?, wall_s = ? WHERE round = ?")
      .bind(wall_time_iso8601())
      .bind(r.version.value)
      .bind(r.num_examples)
      .bind(r.supervised_tokens)
      .bind(r.loss)
      .bind(r.update_norm)
      .bind(r.bytes_up)
      .bind(r.bytes_down)
      .bind(r.wall_s)
      .bind(r.round.value)
      .run();
  insert_participants(r);
  insert_aggregation(r);
  db_.prepare("DELETE FROM updates WHERE round = ?").bind(r.round.value).run();
  transaction.commit();
}

void Ledger::insert_participants(const RoundRecord& record) {
  for (const ParticipantRecord& p : record.participants)
    db_.prepare("INSERT INTO participants VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(record.round.value)
        .bind(p.client.name)
        .bind(p.num_examples)
        .bind(p.supervised_tokens)
        .bind(p.steps)
        .bind(p.train_seconds)
        .bind(p.loss)
        .bind(p.update_norm)
        .bind(p.bytes_up)
        .bind(p.payload_sha256)
        .bind(p.staleness)
        .run();
}

void Ledger::insert_aggregation(const RoundRecord& record) {
  db_.prepare("INSERT INTO round_aggregation VALUES (?, ?, ?)")
      .bind(record.round.value)
      .bind(record.codec)
      .bind(record.cross_term)
      .run();
  if (record.secure.sums > 0)
    db_.prepare("INSERT INTO secure_rounds VALUES (?, ?, ?, ?)")
        .bind(record.round.value)
        .bind(std::int64_t{record.secure.sums})
        .bind(record.secure.clipped_share)
        .bind(record.secure.transcript)
        .run();
  for (const RejectedUpdate& rejected : record.rejected)
    db_.prepare("INSERT INTO rejected_updates VALUES (?, ?, ?)")
        .bind(record.round.value)
        .bind(rejected.client.name)
        .bind(rejected.reason)
        .run();
}

void Ledger::evaluated(const EvaluationRecord& pooled,
                       const std::vector<std::pair<ClientId, EvaluationReport>>& reports) {
  Transaction transaction(db_);
  db_.prepare("INSERT INTO evaluations VALUES (?, ?, ?, ?, ?, ?)")
      .bind(pooled.after_round.value)
      .bind(pooled.version.value)
      .bind(wall_time_iso8601())
      .bind(pooled.clients)
      .bind(pooled.num_examples)
      .bind(pooled.supervised_tokens)
      .run();
  for (const auto& [name, value] : pooled.metrics)
    db_.prepare("INSERT INTO evaluation_metrics VALUES (?, ?, ?)")
        .bind(pooled.after_round.value)
        .bind(name)
        .bind(value)
        .run();
  for (const auto& [client, report] : reports)
    for (const auto& [name, value] : report.metrics)
      db_.prepare("INSERT OR REPLACE INTO evaluation_sums VALUES (?, ?, ?, ?)")
          .bind(pooled.after_round.value)
          .bind(client.name)
          .bind(name)
          .bind(value)
          .run();
  transaction.commit();
}

}  // namespace fennec
