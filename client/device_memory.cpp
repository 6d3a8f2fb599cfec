#include "client/device_memory.h"

#include <string>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/parameter_math.h"
#include "core/safetensors.h"

namespace fennec {
namespace {

constexpr const char *kRound = "round", *kUpdate = "update";

std::string metadata_of(const Safetensors& file, const char* key) {
  const auto found = file.metadata().find(key);
  return found == file.metadata().end() ? "" : found->second;
}

/// False when a tensor is missing or does not fit.
bool fill(const Safetensors& file, ParameterSet& out) {
  for (const ParameterEntry& entry : out.layout()->entries()) {
    const TensorView* tensor = file.find(entry.name);
    if (tensor == nullptr || tensor->shape != entry.shape || !to_float(*tensor, out.values(entry)))
      return false;
  }
  return all_finite(std::as_const(out).values());
}

}  // namespace

DeviceMemory DeviceMemoryStore::current(const LayoutPtr& layout) const {
  if (!std::filesystem::exists(current_file())) return {};
  try {
    const Safetensors file = Safetensors::open(current_file());
    DeviceMemory memory{RoundId{std::stoll(metadata_of(file, kRound))}, ParameterSet(layout)};
    if (fill(file, memory.values)) return memory;
  } catch (const std::exception& e) {  // IoError, or a round that is no number
    log::debug("{}: {}", current_file().string(), e.what());
  }
  log::warn("{}: is damaged or of another adapter; what it held is given up", current_file().string());
  return {};
}

void DeviceMemoryStore::prepare(const UpdateOffer& offer, const ParameterSet& values) const {
  write_file_atomically(
      next_file(),
      write_safetensors(to_views(values),
                        {{kRound, std::to_string(offer.round.value)}, {kUpdate, offer.payload_sha256}}),
      0600);
}

void DeviceMemoryStore::accepted(const UpdateAccepted& update) const {
  if (!std::filesystem::exists(next_file())) return;
  if (metadata_of(Safetensors::open(next_file()), kUpdate) != update.payload_sha256) return;
  std::filesystem::rename(next_file(), current_file());
  sync_directory(dir_);
}

}  // namespace fennec
