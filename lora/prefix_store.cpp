#include "lora/prefix_store.h"

#include "core/error.h"

namespace fennec {

std::unique_ptr<PrefixStore> make_prefix_store(const PrefixCacheConfig& config,
                                               const std::filesystem::path& dir,
                                               const std::function<std::string()>& identity) {
  const std::size_t max_bytes = static_cast<std::size_t>(config.max_mb) * 1'000'000;
  if (config.store == "disk") return make_disk_prefix_store(dir, identity(), max_bytes);
  remove_prefix_store(dir);
  if (config.store == "memory") return make_memory_prefix_store(max_bytes);
  if (config.store == "none") return nullptr;
  throw ConfigError("unknown train.prefix_cache.store '" + config.store + "'");
}

}  // namespace fennec
