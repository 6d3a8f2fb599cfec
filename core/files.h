#pragma once
#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fennec {

/// Replaces `file` as a whole: temp file in the same directory, fsync, rename, fsync of the directory.
/// After a crash either the old or the new content is there. Throws IoError; `mode` is the POSIX
/// permission.
void write_file_atomically(const std::filesystem::path& file, std::span<const std::byte> bytes,
                           unsigned mode = 0644);
void write_file_atomically(const std::filesystem::path& file, std::string_view text,
                           unsigned mode = 0644);

/// The same piece by piece: what is written is `target` once it is committed, and gone if it never is.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void commit(unsigned mode = 0644);

 private:
  std::filesystem::path target_;
  std::string path_;
  int fd_ = -1;
  bool committed_ = false;
};

/// fsync of a directory: what was created, renamed or removed in it is durable. A new directory is
/// durable once its parent is synced. Throws IoError.
void sync_directory(const std::filesystem::path& dir);

std::string read_text_file(const std::filesystem::path& file);  ///< throws IoError naming the file
std::vector<std::byte> read_binary_file(
    const std::filesystem::path& file);  ///< throws IoError naming the file

/// Calls `line(number from 1, text without the end of line)` for each line of a plain or gzip file
/// (told by its magic bytes). Throws IoError naming the file on a read error or truncated gzip stream.
void for_each_line(const std::filesystem::path& file,
                   const std::function<void(std::size_t, std::string_view)>& line);

}  // namespace fennec
