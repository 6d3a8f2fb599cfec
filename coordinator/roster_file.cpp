#include "coordinator/roster_file.h"

#include <algorithm>
#include <chrono>

#include "core/digest.h"
#include "core/error.h"
#include "core/files.h"
#include "privacy/signing_key_text.h"

namespace fennec {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kDay = 24 * 60 * 60;

/// Validity of keys is a matter of the calendar.
std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void store(const RunDirectory& run, Roster& roster) {
  ++roster.epoch;
  write_file_atomically(run.roster(), sign_roster(roster, read_signing_key(run.authority_key())));
}

}  // namespace

void create_signing_keys(const RunDirectory& run) {
  SystemEntropy entropy;
  const SigningKey authority = SigningKey::generate(entropy);
  write_secret_key(run.authority_key(), Secret(signing_key_hex(authority)));
  write_secret_key(run.signing_key(), Secret(signing_key_hex(SigningKey::generate(entropy))));
  write_file_atomically(run.authority_public_key(), to_hex(authority.public_key()) + "\n");
  write_file_atomically(run.roster(), sign_roster(Roster{}, authority));
}

SigningKey read_signing_key(const fs::path& file) {
  if (!fs::exists(file)) throw IoError(file.string() + ": is not there; put the key back to go on");
  auto key = signing_key_from_hex(read_secret_key(file).reveal());
  if (!key) throw IoError(file.string() + ": " + key.error().message);
  return std::move(*key);
}

PublicKey read_authority_key(const RunDirectory& run) {
  std::string hex = read_text_file(run.authority_public_key());
  while (!hex.empty() && hex.back() == '\n') hex.pop_back();
  const auto key = public_key_from_hex(hex);
  if (!key) throw IoError(run.authority_public_key().string() + ": " + key.error().message);
  return *key;
}

std::vector<std::byte> read_roster_file(const RunDirectory& run) {
  return read_binary_file(run.roster());
}

Roster read_roster(const RunDirectory& run) {
  Result<Roster> roster = open_roster(read_roster_file(run), read_authority_key(run));
  if (!roster) throw IoError(run.roster().string() + ": " + roster.error().message);
  return std::move(*roster);
}

SigningIdentity enter_roster(const RunDirectory& run, const std::string& curve_key, int valid_days) {
  if (!fs::exists(run.roster())) create_signing_keys(run);
  Roster roster = read_roster(run);
  SystemEntropy entropy;
  const SigningKey key = SigningKey::generate(entropy);
  RosterEntry entry;
  entry.uid = roster.entries.empty() ? 1 : roster.entries.back().uid + 1;
  entry.signing_key = key.public_key();
  entry.curve_key = curve_key_bytes(curve_key);
  entry.not_before = unix_now() - kDay;  // devices' clocks differ
  entry.not_after = unix_now() + valid_days * kDay;
  roster.entries.push_back(entry);
  store(run, roster);
  return {entry.uid,
          Secret(signing_key_hex(key)),
          to_hex(key.public_key()),
          to_hex(read_signing_key(run.signing_key()).public_key()),
          to_hex(read_authority_key(run)),
          roster.epoch};
}

void revoke_in_roster(const RunDirectory& run, const std::string& curve_key) {
  if (!fs::exists(run.roster())) return;  // a run made before there were rosters
  Roster roster = read_roster(run);
  const auto bytes = curve_key_bytes(curve_key);
  const auto found = std::find_if(roster.entries.begin(), roster.entries.end(),
                                  [&](const RosterEntry& e) { return e.curve_key == bytes; });
  if (found == roster.entries.end()) return;
  found->flags |= kRosterRevoked;
  store(run, roster);
}

}  // namespace fennec
