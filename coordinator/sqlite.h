#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace fennec {

/// A prepared statement: bind in order, step through rows. Throws IoError with SQLite's message.
class Statement {
 public:
  Statement(sqlite3* db, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(std::int64_t value);
  Statement& bind(double value);  ///< NaN is stored as NULL
  Statement& bind(std::string_view value);
  Statement& bind(std::span<const std::byte> value);
  bool step();  ///< true while there is a row
  void run() { step(); }

  std::int64_t integer(int column) const;
  double real(int column) const;  ///< NULL reads as NaN
  std::string text(int column) const;
  std::vector<std::byte> blob(int column) const;
  bool is_null(int column) const;

 private:
  sqlite3* db_;
  sqlite3_stmt* statement_ = nullptr;
  int next_ = 1;
};

/// One connection: WAL, synchronous=FULL, foreign keys, 5 s of patience with another process. Not
/// thread-safe.
class Database {
 public:
  explicit Database(const std::filesystem::path& file, bool read_only = false);  ///< throws IoError
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void execute(const char* sql);
  Statement prepare(const char* sql) const { return Statement(db_, sql); }

 private:
  sqlite3* db_ = nullptr;
};

/// Rolls back unless commit() was reached.
class Transaction {
 public:
  explicit Transaction(Database& db) : db_(db) { db_.execute("BEGIN IMMEDIATE"); }
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& db_;
  bool done_ = false;
};

}  // namespace fennec
