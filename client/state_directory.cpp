#include "client/state_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <utility>

#include "core/error.h"

namespace fennec {

StateDirectory::StateDirectory(std::filesystem::path dir) : dir_(std::move(dir)) {
  std::error_code error;
  for (const auto& needed : {dir_, adapters(), outbox()}) {
    std::filesystem::create_directories(needed, error);
    if (error) throw IoError(needed.string() + ": cannot be created: " + error.message());
  }
  std::filesystem::permissions(dir_, std::filesystem::perms::owner_all, error);
  const std::string file = (dir_ / "lock").string();
  lock_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) throw IoError(file + ": cannot be opened");
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock_);
    throw IoError(dir_.string() +
                  ": in use by another fennec-client; a device takes part once (or give --state)");
  }
}

StateDirectory::~StateDirectory() {
  ::close(lock_);
}  // the lock goes with the descriptor, also after kill -9

}  // namespace fennec
