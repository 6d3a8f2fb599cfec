#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/safetensors.h"

namespace fennec {

namespace {

std::string header_text(const std::vector<TensorView>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header;
  header["__metadata__"] = {{"format", "pt"}};
  for (const auto& entry : metadata) header["__metadata__"][entry.first] = entry.second;
  std::size_t begin = 0;
  for (const TensorView& tensor : tensors) {
    std::size_t size = byte_width(tensor.dtype);
    for (const std::int64_t dim : tensor.shape) size *= static_cast<std::size_t>(dim);
    FENNEC_CHECK(size == tensor.bytes.size() && !header.contains(tensor.name), tensor.name);
    header[tensor.name] = {{"dtype", to_string(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {begin, begin + size}}};
    begin += size;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8,
              ' ');  // the length field is 8 bytes, so the data begins 8-aligned
  return text;
}

}  // namespace

std::vector<std::byte> write_safetensors(std::vector<TensorView> tensors,
                                         const std::map<std::string, std::string>& metadata) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorView& a, const TensorView& b) {
    const std::size_t wa = byte_width(a.dtype), wb = byte_width(b.dtype);
    return wa != wb ? wa > wb : a.name < b.name;
  });
  const std::string header = header_text(tensors, metadata);
  std::size_t size = 8 + header.size();
  for (const TensorView& tensor : tensors) size += tensor.bytes.size();

  std::vector<std::byte> out;
  out.reserve(size);
  for (std::size_t i = 0; i < 8; ++i) out.push_back(std::byte(header.size() >> (8 * i) & 0xff));
  const auto append = [&](std::span<const std::byte> bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
  };
  append(std::as_bytes(std::span(header)));
  for (const TensorView& tensor : tensors) append(tensor.bytes);
  return out;
}

}  // namespace fennec
