#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/safetensors.h"
#include "lora/prefix_store.h"

namespace fennec {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".safetensors";
constexpr const char* kTensor = "states";
constexpr std::size_t kHeaderBytes = 512;  ///< more than a file has beside its states

std::string file_name(const PrefixStore::Key& key) { return to_hex(key) + std::string(kSuffix); }

int nibble(char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; }

/// The key that a file is named after; nothing for a file of another kind.
std::optional<PrefixStore::Key> key_of(std::string_view name) {
  if (!name.ends_with(kSuffix)) return std::nullopt;
  name.remove_suffix(kSuffix.size());
  if (!is_sha256_hex(name)) return std::nullopt;
  PrefixStore::Key key{};
  for (std::size_t i = 0; i < key.size(); ++i)
    key[i] = static_cast<std::byte>(nibble(name[2 * i]) * 16 + nibble(name[2 * i + 1]));
  return key;
}

/// A file of ours that was being written when the program ended (core/files.cpp).
bool is_unfinished(std::string_view name) {
  return name.starts_with('.') && name.find(kSuffix) == 65 && is_sha256_hex(name.substr(1, 64));
}

std::vector<fs::path> entries_of(const fs::path& dir) {
  std::error_code error;
  std::vector<fs::path> paths;
  for (fs::directory_iterator it(dir, error), end; !error && it != end; it.increment(error))
    paths.push_back(it->path());
  if (error) throw IoError(dir.string() + ": cannot be read: " + error.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// Leaves what is not ours, and the directory while something is in it.
void remove_identity(const fs::path& dir) {
  std::error_code ignored;
  if (!is_sha256_hex(dir.filename().string()) || !fs::is_directory(dir, ignored)) return;
  for (const fs::path& file : entries_of(dir))
    if (key_of(file.filename().string()) || is_unfinished(file.filename().string()))
      fs::remove(file, ignored);
  fs::remove(dir, ignored);
}

std::vector<std::byte> to_file(const PrefixStore::Key& key, const std::vector<std::byte>& bytes) {
  return write_safetensors(
      {{kTensor, Dtype::kU8, {static_cast<std::int64_t>(bytes.size())}, bytes}},
      {{"key", to_hex(key)}, {"sha256", to_hex(sha256(std::span<const std::byte>(bytes)))}});
}

/// Throws IoError saying what is wrong with the file.
std::vector<std::byte> read_kept(const fs::path& path, const PrefixStore::Key& key) {
  const Safetensors file = Safetensors::open(path);
  const auto says = [&](const char* name, const std::string& value) {
    const auto it = file.metadata().find(name);
    return it != file.metadata().end() && it->second == value;
  };
  const TensorView* states = file.find(kTensor);
  if (states == nullptr || states->dtype != Dtype::kU8 || !says("key", to_hex(key)))
    throw IoError(path.string() + ": not the states it is named after");
  if (!says("sha256", to_hex(sha256(states->bytes))))
    throw IoError(path.string() + ": its SHA-256 is another");
  return {states->bytes.begin(), states->bytes.end()};
}

class DiskPrefixStore final : public PrefixStore {
 public:
  DiskPrefixStore(fs::path dir, std::size_t max_bytes) : dir_(std::move(dir)), max_bytes_(max_bytes) {
    for (const fs::path& path : entries_of(dir_)) adopt(path);
  }

  Bytes find(const Key& key, std::size_t size) override {
    {
      const std::lock_guard lock(mutex_);
      if (!sizes_.contains(key)) return nullptr;
      unused_.erase(key);
    }
    try {
      std::vector<std::byte> bytes = read_kept(dir_ / file_name(key), key);
      if (bytes.size() == size) return std::make_shared<const std::vector<std::byte>>(std::move(bytes));
      log::warn("{}: {} bytes of states, expected {}; computed again", file_name(key), bytes.size(),
                size);
    } catch (const IoError& e) {
      log::warn("{}; computed again", e.what());
    }
    const std::lock_guard lock(mutex_);
    forget(key);
    return nullptr;
  }

  void keep(const Key& key, const Bytes& bytes) override {
    const std::size_t size = bytes->size() + kHeaderBytes;
    {
      const std::lock_guard lock(mutex_);
      if (broken_ || sizes_.contains(key) || writing_.contains(key)) return;
      while (size > max_bytes_ - bytes_ && !unused_.empty()) forget(*unused_.begin());
      if (size > max_bytes_ - bytes_) return;
      writing_.insert(key);
      bytes_ += size;
    }
    bool written = true;
    try {
      write_file_atomically(dir_ / file_name(key), to_file(key, *bytes), 0600);
    } catch (const IoError& e) {
      written = false;
      log::warn("{}; no more states are kept", e.what());
    }
    const std::lock_guard lock(mutex_);
    writing_.erase(key);
    if (written) {
      sizes_.emplace(key, size);
    } else {
      bytes_ -= size;
      broken_ = true;
    }
  }

  void retain(const std::set<Key>& keys) override {
    const std::lock_guard lock(mutex_);
    for (auto it = sizes_.begin(); it != sizes_.end();) {
      const Key key = (it++)->first;
      if (!keys.contains(key)) forget(key);
    }
  }

  std::size_t bytes() const override {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  /// Takes over a file of an earlier process, while there is room.
  void adopt(const fs::path& path) {
    std::error_code error;
    const auto key = key_of(path.filename().string());
    const auto size = key ? static_cast<std::size_t>(fs::file_size(path, error)) : 0;
    if (is_unfinished(path.filename().string()) || (key && (error || size > max_bytes_ - bytes_))) {
      fs::remove(path, error);
    } else if (key) {
      sizes_.emplace(*key, size);
      unused_.insert(*key);
      bytes_ += size;
    }
  }

  /// Locked. Takes a copy: the key may be one that goes.
  void forget(const Key key) {
    unused_.erase(key);
    const auto it = sizes_.find(key);
    if (it == sizes_.end()) return;
    bytes_ -= it->second;
    sizes_.erase(it);
    std::error_code ignored;
    fs::remove(dir_ / file_name(key), ignored);
  }

  const fs::path dir_;
  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  std::map<Key, std::size_t> sizes_;  ///< of the files that are there
  std::set<Key> writing_;             ///< and those that will be
  std::set<Key> unused_;  ///< of an earlier process and not asked for in this one: they make room
  std::size_t bytes_ = 0;
  bool broken_ = false;  ///< a write failed: the disk is full
};

}  // namespace

std::unique_ptr<PrefixStore> make_disk_prefix_store(const fs::path& dir, const std::string& identity,
                                                    std::size_t max_bytes) {
  FENNEC_CHECK(is_sha256_hex(identity) && !dir.empty());
  const fs::path own = dir / identity;
  std::error_code error;
  fs::create_directories(own, error);
  if (!error) fs::permissions(dir, fs::perms::owner_all, error);
  if (error) throw IoError(own.string() + ": cannot be made: " + error.message());
  for (const fs::path& path : entries_of(dir))
    if (path != own) remove_identity(path);
  return std::make_unique<DiskPrefixStore>(own, max_bytes);
}

void remove_prefix_store(const fs::path& dir) {
  std::error_code ignored;
  if (!fs::is_directory(dir, ignored)) return;
  for (const fs::path& path : entries_of(dir)) remove_identity(path);
  fs::remove(dir, ignored);
}

}  // namespace fennec
