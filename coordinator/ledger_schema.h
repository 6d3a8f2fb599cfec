#pragma once

namespace fennec {

inline constexpr int kLedgerVersion = 4;

/// `updates` holds accepted updates of the open round (offer: the CBOR header it came with,
/// transport/wire.h); a commit turns them into `participants`. `rejected_updates`: what was refused
/// while the round was open, in order. `abandoned`: with the SecAggAbort of a session that ended
/// without a sum, else ''.
inline constexpr const char* kLedgerSchema = R"sql(
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE layout (position INTEGER PRIMARY KEY, name TEXT NOT NULL, rows INTEGER NOT NULL, columns INTEGER NOT NULL);
CREATE TABLE clients (
  name TEXT PRIMARY KEY, public_key TEXT NOT NULL UNIQUE, enrolled TEXT NOT NULL, revoked TEXT,
  seen INTEGER NOT NULL DEFAULT 0, told_finished INTEGER NOT NULL DEFAULT 0);
CREATE TABLE adapters (version INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE rounds (
  round INTEGER PRIMARY KEY, opened TEXT NOT NULL, openings INTEGER NOT NULL, committed TEXT,
  version INTEGER REFERENCES adapters(version), examples INTEGER, tokens INTEGER, loss REAL, update_norm REAL,
  bytes_up INTEGER, bytes_down INTEGER, wall_s REAL);
CREATE TABLE cohort (round INTEGER NOT NULL REFERENCES rounds(round), client TEXT NOT NULL, PRIMARY KEY (round, client));
CREATE TABLE abandoned (round INTEGER NOT NULL, at TEXT NOT NULL, reason TEXT NOT NULL, abort TEXT NOT NULL);
CREATE TABLE updates (
  round INTEGER NOT NULL REFERENCES rounds(round), client TEXT NOT NULL, sha256 TEXT NOT NULL, offer BLOB NOT NULL,
  PRIMARY KEY (round, client));
CREATE TABLE participants (
  round INTEGER NOT NULL REFERENCES rounds(round), client TEXT NOT NULL, examples INTEGER, tokens INTEGER, steps INTEGER,
  train_s REAL, loss REAL, update_norm REAL, bytes_up INTEGER, sha256 TEXT, staleness INTEGER NOT NULL,
  PRIMARY KEY (round, client));
CREATE TABLE round_aggregation (
  round INTEGER PRIMARY KEY REFERENCES rounds(round), codec TEXT NOT NULL, cross_term REAL);
CREATE TABLE secure_rounds (
  round INTEGER PRIMARY KEY REFERENCES rounds(round), sums INTEGER NOT NULL, clipped_share REAL, transcript TEXT NOT NULL);
CREATE TABLE rejected_updates (round INTEGER NOT NULL REFERENCES rounds(round), client TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE privacy_releases (
  position INTEGER PRIMARY KEY, round INTEGER NOT NULL, contributors TEXT NOT NULL, sampling_rate REAL NOT NULL,
  noise_multiplier REAL NOT NULL, clip_norm REAL NOT NULL, next_clip_norm REAL NOT NULL,
  epsilon REAL, UNIQUE (round, contributors));
CREATE TABLE evaluations (
  after_round INTEGER PRIMARY KEY, version INTEGER NOT NULL, at TEXT NOT NULL, clients INTEGER, examples INTEGER, tokens INTEGER);
CREATE TABLE evaluation_metrics (
  after_round INTEGER NOT NULL REFERENCES evaluations(after_round), name TEXT NOT NULL, value REAL, PRIMARY KEY (after_round, name));
CREATE TABLE evaluation_sums (
  after_round INTEGER NOT NULL REFERENCES evaluations(after_round), client TEXT NOT NULL, name TEXT NOT NULL, value REAL,
  PRIMARY KEY (after_round, client, name));
)sql";

}  // namespace fennec
