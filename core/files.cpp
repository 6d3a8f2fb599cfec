#include "core/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace fennec {

namespace {

[[noreturn]] void throw_errno(const std::filesystem::path& file, const char* doing) {
  throw IoError(file.string() + ": " + doing + ": " + std::generic_category().message(errno));
}

/// An owned file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

template <class Container>
Container read_whole(const std::filesystem::path& file) {
  const Descriptor handle(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (handle.get() < 0) throw_errno(file, "cannot be opened");
  struct ::stat info {};
  if (::fstat(handle.get(), &info) != 0) throw_errno(file, "cannot be examined");
  Container content;
  content.resize(info.st_size > 0 ? static_cast<std::size_t>(info.st_size) : 0);
  std::size_t done = 0;
  for (;;) {  // files of /proc say they have no size, so read until the end whatever fstat said
    if (done == content.size()) content.resize(done + 4096);
    const ssize_t n = ::read(handle.get(), content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno(file, "read failed");
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  content.resize(done);
  return content;
}

}  // namespace

AtomicFile::AtomicFile(const std::filesystem::path& target)
    : target_(target), path_(target.parent_path() / ("." + target.filename().string() + ".XXXXXX")) {
  fd_ = ::mkostemp(path_.data(), O_CLOEXEC);
  if (fd_ < 0) throw_errno(target_, "cannot create a temporary file beside it");
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!committed_) ::unlink(path_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno(target_, "write failed");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void AtomicFile::commit(unsigned mode) {
  if (::fchmod(fd_, mode) != 0) throw_errno(target_, "cannot set permissions");
  if (::fsync(fd_) != 0) throw_errno(target_, "fsync failed");
  if (::close(std::exchange(fd_, -1)) != 0) throw_errno(target_, "close failed");
  if (::rename(path_.c_str(), target_.c_str()) != 0) throw_errno(target_, "rename failed");
  committed_ = true;
  sync_directory(target_.has_parent_path() ? target_.parent_path() : ".");
}

void write_file_atomically(const std::filesystem::path& file, std::span<const std::byte> bytes,
                           unsigned mode) {
  AtomicFile target(file);
  target.write(bytes);
  target.commit(mode);
}

void write_file_atomically(const std::filesystem::path& file, std::string_view text, unsigned mode) {
  write_file_atomically(file, std::as_bytes(std::span(text)), mode);
}

void sync_directory(const std::filesystem::path& dir) {
  const Descriptor handle(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (handle.get() < 0) throw_errno(dir, "cannot be opened");
  if (::fsync(handle.get()) != 0) throw_errno(dir, "fsync failed");
}

std::string read_text_file(const std::filesystem::path& file) { return read_whole<std::string>(file); }

std::vector<std::byte> read_binary_file(const std::filesystem::path& file) {
  return read_whole<std::vector<std::byte>>(file);
}

}  // namespace fennec
