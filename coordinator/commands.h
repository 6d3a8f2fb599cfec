#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace fennec {

// One function a command, one file each; main.cpp only parses. Each throws ConfigError (exit code 2) or
// IoError (1).

struct InitCommand {
  std::filesystem::path run, config;
};
void init_run(const InitCommand& command);

struct EnrollCommand {
  std::filesystem::path run, out;
  std::string name;
  int valid_days = 365;  ///< of its signing key
};
void enroll_client(const EnrollCommand& command);

struct RevokeCommand {
  std::filesystem::path run;
  std::string name;
};
void revoke_client(const RevokeCommand& command);

struct RosterCommand {
  std::filesystem::path run;
};
void show_roster(const RosterCommand& command);
/// What `roster` prints.
std::string roster_text(const RosterCommand& command);

struct ServeCommand {
  std::filesystem::path run, port_file;
  bool json = false, verbose = false;
};
void serve_run(const ServeCommand& command);

struct StatusCommand {
  std::filesystem::path run;
  bool json = false;
};
void show_status(const StatusCommand& command);
/// What `status` prints.
std::string status_text(const StatusCommand& command);

struct ExportCommand {
  std::filesystem::path run, out;
  std::optional<std::int64_t> version;
};
void export_adapter(const ExportCommand& command);

struct AggregateCommand {
  std::string strategy, weights, options;
  std::filesystem::path out;
  std::vector<std::filesystem::path> adapters;
  bool json = false;
};
/// A strategy of live runs, and those that only finished adapters allow, on PEFT directories.
void aggregate_adapters(const AggregateCommand& command);

}  // namespace fennec
