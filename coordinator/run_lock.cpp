#include "coordinator/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/error.h"

namespace fennec {

RunLock::RunLock(const RunDirectory& run)
    : descriptor_(::open(run.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  if (descriptor_ < 0) throw IoError(run.lock().string() + ": cannot be opened");
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  ::close(descriptor_);
  throw ConfigError(run.root.string() + ": is being served already");
}

RunLock::~RunLock() { ::close(descriptor_); }

}  // namespace fennec
