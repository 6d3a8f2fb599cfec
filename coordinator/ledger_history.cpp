// What the ledger tells about the past: for status, report and export.
#include <map>

#include "coordinator/ledger.h"

namespace fennec {

std::vector<ParticipantRecord> Ledger::participants(RoundId round) const {
  std::vector<ParticipantRecord> out;
  Statement row = db_.prepare(
      "SELECT client, examples, tokens, steps, train_s, loss, update_norm, bytes_up, sha256, staleness "
      "FROM "
      "participants WHERE round = ? "
      "ORDER BY client");
  row.bind(round.value);
  while (row.step())
    out.push_back({ClientId{row.text(0)}, row.integer(1), row.integer(2), row.integer(3), row.real(4),
                   row.real(5), row.real(6), row.integer(7), row.text(8), row.integer(9)});
  return out;
}

std::vector<RejectedUpdate> Ledger::rejected(RoundId round) const {
  std::vector<RejectedUpdate> out;
  Statement row =
      db_.prepare("SELECT client, reason FROM rejected_updates WHERE round = ? ORDER BY rowid");
  row.bind(round.value);
  while (row.step()) out.push_back({ClientId{row.text(0)}, row.text(1)});
  return out;
}

std::vector<ReopenedRound> Ledger::reopened(RoundId round) const {
  std::vector<ReopenedRound> out;
  Statement row = db_.prepare("SELECT abort, reason FROM abandoned WHERE round = ? ORDER BY rowid");
  row.bind(round.value);
  while (row.step()) out.push_back({row.text(0), row.text(1)});
  return out;
}

SecureFigures Ledger::secure_figures(RoundId round) const {
  Statement row =
      db_.prepare("SELECT sums, clipped_share, transcript FROM secure_rounds WHERE round = ?");
  if (!row.bind(round.value).step()) return {};
  return {static_cast<int>(row.integer(0)), row.real(1), row.text(2)};
}

std::vector<RoundRecord> Ledger::rounds() const {
  std::vector<RoundRecord> out;
  std::map<RoundId, double> epsilons;  // of two lines for a round the later one was committed
  for (const PrivacyRelease& release : privacy_releases()) epsilons[release.round] = release.epsilon;
  Statement row = db_.prepare(
      "SELECT round, r.version, examples, tokens, loss, update_norm, bytes_up, bytes_down, wall_s, "
      "sha256, bytes, codec, cross_term "
      "FROM rounds r JOIN adapters a ON a.version = r.version JOIN round_aggregation USING (round) "
      "WHERE committed IS NOT NULL ORDER BY round");
  while (row.step()) {
    RoundRecord r;
    r.round = RoundId{row.integer(0)};
    r.version = AdapterVersion{row.integer(1)};
    r.num_examples = row.integer(2);
    r.supervised_tokens = row.integer(3);
    r.loss = row.real(4);
    r.update_norm = row.real(5);
    r.bytes_up = row.integer(6);
    r.bytes_down = row.integer(7);
    r.wall_s = row.real(8);
    r.adapter_sha256 = row.text(9);
    r.adapter_bytes = row.integer(10);
    r.codec = row.text(11);
    r.cross_term = row.real(12);
    if (const auto spent = epsilons.find(r.round); spent != epsilons.end()) r.epsilon = spent->second;
    r.participants = participants(r.round);
    r.rejected = rejected(r.round);
    r.secure = secure_figures(r.round);
    r.reopened = reopened(r.round);
    out.push_back(std::move(r));
  }
  return out;
}

std::vector<EvaluationRecord> Ledger::evaluations() const {
  std::vector<EvaluationRecord> out;
  Statement row = db_.prepare(
      "SELECT after_round, version, clients, examples, tokens FROM evaluations ORDER BY after_round");
  while (row.step()) {
    EvaluationRecord e{RoundId{row.integer(0)}, AdapterVersion{row.integer(1)},
                       row.integer(2),          row.integer(3),
                       row.integer(4),          {}};
    Statement metric =
        db_.prepare("SELECT name, value FROM evaluation_metrics WHERE after_round = ? ORDER BY rowid");
    metric.bind(e.after_round.value);
    while (metric.step()) e.metrics.emplace_back(metric.text(0), metric.real(1));
    out.push_back(std::move(e));
  }
  return out;
}

}  // namespace fennec
