#include "coordinator/sqlite.h"

#include <sqlite3.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/log.h"

namespace fennec {

namespace {
constexpr int kBusyMilliseconds = 5000;

void check(sqlite3* db, int code) {
  if (code != SQLITE_OK)
    throw IoError(std::string(sqlite3_db_filename(db, "main")) + ": " + sqlite3_errmsg(db));
}
}  // namespace

Statement::Statement(sqlite3* db, const char* sql) : db_(db) {
  check(db_, sqlite3_prepare_v2(db_, sql, -1, &statement_, nullptr));
}
Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::bind(std::int64_t value) {
  check(db_, sqlite3_bind_int64(statement_, next_++, value));
  return *this;
}
Statement& Statement::bind(double value) {
  check(db_, std::isnan(value) ? sqlite3_bind_null(statement_, next_)
                               : sqlite3_bind_double(statement_, next_, value));
  ++next_;
  return *this;
}
Statement& Statement::bind(std::string_view value) {
  check(db_, sqlite3_bind_text(statement_, next_++, value.data(), static_cast<int>(value.size()),
                               SQLITE_TRANSIENT));
  return *this;
}
Statement& Statement::bind(std::span<const std::byte> value) {
  check(db_, sqlite3_bind_blob(statement_, next_++, value.data(), static_cast<int>(value.size()),
                               SQLITE_TRANSIENT));
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE) check(db_, code);
  return code == SQLITE_ROW;
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Statement::real(int column) const {
  return is_null(column) ? std::numeric_limits<double>::quiet_NaN()
                         : sqlite3_column_double(statement_, column);
}
std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return text == nullptr
             ? ""
             : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}
std::vector<std::byte> Statement::blob(int column) const {
  const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  return {bytes, bytes + sqlite3_column_bytes(statement_, column)};
}
bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Database::Database(const std::filesystem::path& file, bool read_only) {
  const int flags = read_only
                        ? SQLITE_OPEN_READWRITE
                        : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;  // WAL readers need the -shm file
  if (sqlite3_open_v2(file.c_str(), &db_, flags, nullptr) != SQLITE_OK) {
    const std::string why = sqlite3_errmsg(db_);
    sqlite3_close(db_);
    throw IoError(file.string() + ": " + why);
  }
  sqlite3_busy_timeout(db_, kBusyMilliseconds);
  try {
    execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON");
    if (read_only) execute("PRAGMA query_only=ON");
  } catch (const IoError&) {
    sqlite3_close(db_);
    throw;
  }
}

Database::~Database() { sqlite3_close(db_); }

void Database::execute(const char* sql) {
  check(db_, sqlite3_exec(db_, sql, nullptr, nullptr, nullptr));
}

Transaction::~Transaction() {
  if (done_) return;
  try {
    db_.execute("ROLLBACK");
  } catch (const IoError& error) {
    log::debug("rollback: {}", error.what());  // SQLite has already rolled back by itself
  }
}

void Transaction::commit() {
  db_.execute("COMMIT");
  done_ = true;
}

}  // namespace fennec
