#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/files.h"
#include "core/safetensors.h"

namespace fennec {

namespace {

std::size_t byte_size(const TensorSpec& tensor) {
  std::size_t size = byte_width(tensor.dtype);
  for (const std::int64_t dim : tensor.shape) size *= static_cast<std::size_t>(dim);
  return size;
}

/// By dtype width (descending), then name.
bool comes_first(const TensorSpec& a, const TensorSpec& b) {
  const std::size_t wa = byte_width(a.dtype), wb = byte_width(b.dtype);
  return wa != wb ? wa > wb : a.name < b.name;
}

/// What precedes the data: the length of the header and the header.
/// @param tensors  in file order
std::vector<std::byte> head_of_file(const std::vector<TensorSpec>& tensors,
                                    const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header;
  header["__metadata__"] = {{"format", "pt"}};
  for (const auto& entry : metadata) header["__metadata__"][entry.first] = entry.second;
  std::size_t begin = 0;
  for (const TensorSpec& tensor : tensors) {
    const std::size_t size = byte_size(tensor);
    FENNEC_CHECK(!header.contains(tensor.name), tensor.name);
    header[tensor.name] = {{"dtype", to_string(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {begin, begin + size}}};
    begin += size;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8,
              ' ');  // the length field is 8 bytes, so the data begins 8-aligned
  std::vector<std::byte> out;
  for (std::size_t i = 0; i < 8; ++i) out.push_back(std::byte(text.size() >> (8 * i) & 0xff));
  const auto bytes = std::as_bytes(std::span(text));
  out.insert(out.end(), bytes.begin(), bytes.end());
  return out;
}

}  // namespace

std::vector<std::byte> write_safetensors(std::vector<TensorView> tensors,
                                         const std::map<std::string, std::string>& metadata) {
  const auto spec_of = [](const TensorView& t) { return TensorSpec{t.name, t.dtype, t.shape}; };
  std::sort(tensors.begin(), tensors.end(), [&](const TensorView& a, const TensorView& b) {
    return comes_first(spec_of(a), spec_of(b));
  });
  std::vector<TensorSpec> specs;
  std::size_t data_bytes = 0;
  for (const TensorView& tensor : tensors) {
    specs.push_back(spec_of(tensor));
    FENNEC_CHECK(byte_size(specs.back()) == tensor.bytes.size(), tensor.name);
    data_bytes += tensor.bytes.size();
  }
  std::vector<std::byte> out = head_of_file(specs, metadata);
  out.reserve(out.size() + data_bytes);
  for (const TensorView& tensor : tensors)
    out.insert(out.end(), tensor.bytes.begin(), tensor.bytes.end());
  return out;
}

void save_safetensors(const std::filesystem::path& file, std::vector<TensorSpec> tensors,
                      const std::function<std::vector<std::byte>(const TensorSpec&)>& bytes_of) {
  std::sort(tensors.begin(), tensors.end(), comes_first);
  AtomicFile target(file);
  target.write(head_of_file(tensors, {}));
  for (const TensorSpec& tensor : tensors) {
    const std::vector<std::byte> bytes = bytes_of(tensor);
    FENNEC_CHECK(bytes.size() == byte_size(tensor), tensor.name);
    target.write(bytes);
  }
  target.commit();
}

}  // namespace fennec
