// Whatever parses as safetensors survives being written and parsed again.
#include <algorithm>
#include <vector>

#include "core/error.h"
#include "core/safetensors.h"
#include "fuzz/input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = fennec::Safetensors::parse(fennec::fuzz::to_bytes(data, size));
  if (!file) return 0;
  for (const auto& tensor : file->tensors()) {
    std::vector<float> values(tensor.element_count());
    (void)fennec::to_float(tensor, values);
  }
  auto metadata = file->metadata();
  metadata.erase("format");
  const auto written = fennec::write_safetensors(file->tensors(), metadata);
  const auto again = fennec::Safetensors::parse(written);
  FENNEC_CHECK(again.has_value() && again->tensors().size() == file->tensors().size());
  for (const auto& tensor : file->tensors()) {
    const auto* copy = again->find(tensor.name);
    FENNEC_CHECK(copy != nullptr && copy->dtype == tensor.dtype && copy->shape == tensor.shape);
    FENNEC_CHECK(
        std::equal(copy->bytes.begin(), copy->bytes.end(), tensor.bytes.begin(), tensor.bytes.end()));
  }
  return 0;
}
