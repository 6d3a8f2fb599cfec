#pragma once
#include <filesystem>

namespace fennec {

/// A device's memory between runs of the program: adapters, the unacknowledged update, the training
/// checkpoint, states of frozen layers. Private (0700), and held by one process at a time.
class StateDirectory {
 public:
  /// Creates what is missing. Throws IoError, also when another process has it.
  explicit StateDirectory(std::filesystem::path dir);
  ~StateDirectory();
  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;

  const std::filesystem::path& path() const { return dir_; }
  std::filesystem::path adapters() const { return dir_ / "adapters"; }
  std::filesystem::path outbox() const { return dir_ / "outbox"; }
  std::filesystem::path secure_memory() const { return dir_ / "secure.json"; }
  std::filesystem::path spent_privacy() const { return dir_ / "examples.json"; }
  std::filesystem::path checkpoint() const { return dir_ / "training.checkpoint"; }
  std::filesystem::path prefix_cache() const { return dir_ / "prefix_cache"; }

 private:
  std::filesystem::path dir_;
  int lock_ = -1;
};

}  // namespace fennec
