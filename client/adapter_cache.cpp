#include "client/adapter_cache.h"

#include "core/digest.h"
#include "core/files.h"
#include "core/parameter_math.h"
#include "core/safetensors.h"

namespace fennec {

Result<ParameterSet> parse_adapter(std::span<const std::byte> bytes, const LayoutPtr& layout) {
  const auto file = Safetensors::parse(bytes);
  if (!file) return tl::unexpected<Error>(file.error());
  if (file->tensors().size() != layout->entries().size())
    return fail(ErrorCode::kMismatch, "the adapter has " + std::to_string(file->tensors().size()) +
                                          " tensors, this run's has " +
                                          std::to_string(layout->entries().size()));
  ParameterSet adapter(layout);
  for (const ParameterEntry& entry : layout->entries()) {
    const TensorView* tensor = file->find(entry.name);
    if (tensor == nullptr || tensor->shape != entry.shape)
      return fail(ErrorCode::kMismatch, "tensor " + entry.name + " is missing or has another shape");
    if (const auto done = to_float(*tensor, adapter.values(entry)); !done)
      return tl::unexpected<Error>(done.error());
  }
  if (!all_finite(std::as_const(adapter).values()))
    return fail(ErrorCode::kNumeric, "the adapter is not finite");
  return adapter;
}

std::filesystem::path AdapterCache::file_of(AdapterVersion version) const {
  return dir_ / (std::to_string(version.value) + ".safetensors");
}

std::optional<ParameterSet> AdapterCache::load(AdapterVersion version, const std::string& sha256_hex,
                                               const LayoutPtr& layout) const {
  if (!std::filesystem::exists(file_of(version))) return std::nullopt;
  const auto bytes = read_binary_file(file_of(version));
  if (to_hex(sha256(bytes)) != sha256_hex) return std::nullopt;
  auto adapter = parse_adapter(bytes, layout);
  if (!adapter) return std::nullopt;
  return std::move(*adapter);
}

std::optional<ParameterSet> AdapterCache::load(AdapterVersion version, const LayoutPtr& layout) const {
  if (!std::filesystem::exists(file_of(version))) return std::nullopt;
  auto adapter = parse_adapter(read_binary_file(file_of(version)), layout);
  if (!adapter) return std::nullopt;
  return std::move(*adapter);
}

void AdapterCache::store(AdapterVersion version, std::span<const std::byte> bytes) const {
  write_file_atomically(file_of(version), bytes, 0600);
  for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
    const AdapterVersion before{version.value - 1};
    if (entry.path() != file_of(version) && entry.path() != file_of(before))
      std::filesystem::remove(entry.path());
  }
}

}  // namespace fennec
