#pragma once
#include "coordinator/run_directory.h"

namespace fennec {

/// Held while a run is being served; the kernel lets go of it when the process dies. Throws ConfigError
/// when another `serve` has it.
class RunLock {
 public:
  explicit RunLock(const RunDirectory& run);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace fennec
