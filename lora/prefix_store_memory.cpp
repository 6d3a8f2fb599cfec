#include <map>
#include <mutex>

#include "lora/prefix_store.h"

namespace fennec {
namespace {

class MemoryPrefixStore final : public PrefixStore {
 public:
  explicit MemoryPrefixStore(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  Bytes find(const Key& key, std::size_t size) override {
    const std::lock_guard lock(mutex_);
    const auto it = kept_.find(key);
    return it == kept_.end() || it->second->size() != size ? nullptr : it->second;
  }

  void keep(const Key& key, const Bytes& bytes) override {
    const std::lock_guard lock(mutex_);
    if (bytes->size() > max_bytes_ - bytes_) return;
    if (kept_.emplace(key, bytes).second) bytes_ += bytes->size();
  }

  void retain(const std::set<Key>& keys) override {
    const std::lock_guard lock(mutex_);
    std::erase_if(kept_, [&](const auto& entry) {
      if (keys.contains(entry.first)) return false;
      bytes_ -= entry.second->size();
      return true;
    });
  }

  std::size_t bytes() const override {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  std::map<Key, Bytes> kept_;
  std::size_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<PrefixStore> make_memory_prefix_store(std::size_t max_bytes) {
  return std::make_unique<MemoryPrefixStore>(max_bytes);
}

}  // namespace fennec
