#include "coordinator/update_store.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "core/digest.h"
#include "core/error.h"
#include "core/files.h"

namespace fennec {

namespace fs = std::filesystem;

namespace {
constexpr const char* kSuffix = ".update";
}

DiskUpdateStore::DiskUpdateStore(fs::path dir) : dir_(std::move(dir)) {}

fs::path DiskUpdateStore::file_of(RoundId round, const ClientId& client) const {
  return dir_ / fmt::format("{:04}", round.value) / (client.name + kSuffix);
}

void DiskUpdateStore::put(RoundId round, const ClientId& client, std::span<const std::byte> bytes) {
  const fs::path file = file_of(round, client);
  if (fs::create_directories(file.parent_path())) {
    fs::permissions(file.parent_path(), fs::perms::owner_all);
    sync_directory(dir_);
  }
  write_file_atomically(file, bytes, 0600);
}

std::vector<std::byte> DiskUpdateStore::get(RoundId round, const ClientId& client) const {
  return read_binary_file(file_of(round, client));
}

std::vector<std::pair<RoundId, ClientId>> DiskUpdateStore::list() const {
  std::vector<std::pair<RoundId, ClientId>> out;
  if (!fs::exists(dir_)) return out;
  for (const auto& round_dir : fs::directory_iterator(dir_)) {
    const std::string name = round_dir.path().filename().string();
    RoundId round;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), round.value);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size() ||
        !round_dir.is_directory())
      continue;
    for (const auto& file : fs::directory_iterator(round_dir.path()))
      if (file.path().extension() == kSuffix)
        out.emplace_back(round, ClientId{file.path().stem().string()});
  }
  std::sort(out.begin(), out.end());
  return out;
}

void DiskUpdateStore::erase(RoundId round, const ClientId& client) {
  const fs::path file = file_of(round, client);
  std::error_code ignored;  // what stays behind is found again at the next start
  fs::remove(file, ignored);
  fs::remove(file.parent_path(), ignored);  // only when empty
}

bool DiskUpdateStore::holds(RoundId round, const ClientId& client, const std::string& sha256) const {
  const fs::path file = file_of(round, client);
  return fs::is_regular_file(file) && to_hex(sha256_file(file)) == sha256;
}

void MemoryUpdateStore::put(RoundId round, const ClientId& client, std::span<const std::byte> bytes) {
  updates_[{round, client}] = {bytes.begin(), bytes.end()};
}

std::vector<std::byte> MemoryUpdateStore::get(RoundId round, const ClientId& client) const {
  const auto found = updates_.find({round, client});
  if (found == updates_.end())
    throw IoError(fmt::format("no update of {} for round {}", client.name, round.value));
  return found->second;
}

std::vector<std::pair<RoundId, ClientId>> MemoryUpdateStore::list() const {
  std::vector<std::pair<RoundId, ClientId>> out;
  for (const auto& [key, bytes] : updates_) out.push_back(key);
  return out;
}

void MemoryUpdateStore::erase(RoundId round, const ClientId& client) {
  updates_.erase({round, client});
}

}  // namespace fennec
