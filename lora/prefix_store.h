#pragma once
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/digest.h"
#include "lora/prefix_cache_config.h"

namespace fennec {

/// Bytes by key, up to a limit. What it no longer has, or never had room for, is computed again:
/// nothing depends on it but time. What came first stays, since every pass over the data asks for each
/// key once. Any thread; no call throws.
class PrefixStore {
 public:
  using Key = Sha256Digest;
  using Bytes = std::shared_ptr<const std::vector<std::byte>>;

  virtual ~PrefixStore() = default;
  /// Null when it has none.  @param size  bytes that are expected: other ones are as good as none
  virtual Bytes find(const Key& key, std::size_t size) = 0;
  /// Unless it has them already or there is no room.
  virtual void keep(const Key& key, const Bytes& bytes) = 0;
  /// Forgets every other key.
  virtual void retain(const std::set<Key>& keys) = 0;
  virtual std::size_t bytes() const = 0;  ///< taken so far; never more than the limit
};

std::unique_ptr<PrefixStore> make_memory_prefix_store(std::size_t max_bytes);

/// One file a key in `dir`/`identity`: a safetensors file with its key and the SHA-256 of its data,
/// replaced as a whole, readable by its owner alone. A file that is damaged, or another's, is removed.
/// What other identities left in `dir` goes, and what an earlier process kept makes room for what this
/// one keeps unless it has asked for it. The directory belongs to one process at a time.
/// @param identity  what the bytes depend on beside the key: hex digits
/// Throws IoError when the directory cannot be made or read.
std::unique_ptr<PrefixStore> make_disk_prefix_store(const std::filesystem::path& dir,
                                                    const std::string& identity, std::size_t max_bytes);

/// What train.prefix_cache asks for; null: nothing is kept.
/// @param dir  where a store on disk is, or was: then its files go
/// @param identity  asked for by a store on disk only
/// Throws ConfigError on a name that is no store, IoError as make_disk_prefix_store().
std::unique_ptr<PrefixStore> make_prefix_store(const PrefixCacheConfig& config,
                                               const std::filesystem::path& dir,
                                               const std::function<std::string()>& identity);

/// Removes what a store on disk may have left in `dir`, and the directory if that was all.
void remove_prefix_store(const std::filesystem::path& dir);

}  // namespace fennec
