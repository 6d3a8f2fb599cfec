#pragma once
#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/ids.h"

namespace fennec {

/// Encoded client updates between acceptance and commit. Not thread-safe.
class UpdateStore {
 public:
  virtual ~UpdateStore() = default;
  /// Kept when it returns; replaces an earlier update of this round and client.
  virtual void put(RoundId round, const ClientId& client, std::span<const std::byte> bytes) = 0;
  virtual std::vector<std::byte> get(RoundId round,
                                     const ClientId& client) const = 0;  ///< throws IoError when absent
  virtual std::vector<std::pair<RoundId, ClientId>> list() const = 0;    ///< ascending
  virtual void erase(RoundId round, const ClientId& client) = 0;         ///< absent: nothing
};

/// updates/<round>/<client>.update, each written as temp + fsync + rename; only the owner may read
/// them.
class DiskUpdateStore final : public UpdateStore {
 public:
  explicit DiskUpdateStore(std::filesystem::path dir);
  void put(RoundId round, const ClientId& client, std::span<const std::byte> bytes) override;
  std::vector<std::byte> get(RoundId round, const ClientId& client) const override;
  std::vector<std::pair<RoundId, ClientId>> list() const override;
  void erase(RoundId round, const ClientId& client) override;
  /// Whether the file is there and reads as the bytes of this SHA-256 (hex).
  bool holds(RoundId round, const ClientId& client, const std::string& sha256) const;

 private:
  std::filesystem::path file_of(RoundId round, const ClientId& client) const;
  std::filesystem::path dir_;
};

/// For the simulator.
class MemoryUpdateStore final : public UpdateStore {
 public:
  void put(RoundId round, const ClientId& client, std::span<const std::byte> bytes) override;
  std::vector<std::byte> get(RoundId round, const ClientId& client) const override;
  std::vector<std::pair<RoundId, ClientId>> list() const override;
  void erase(RoundId round, const ClientId& client) override;

 private:
  std::map<std::pair<RoundId, ClientId>, std::vector<std::byte>> updates_;
};

}  // namespace fennec
