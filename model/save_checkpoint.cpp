#include "model/save_checkpoint.h"

#include <cstring>
#include <unordered_map>
#include <vector>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"

namespace fennec {
namespace {

struct StoredType {
  at::ScalarType type;
  const char* name;  ///< as config.json spells it
};

StoredType stored_type(Dtype dtype) {
  if (dtype == Dtype::kBf16) return {at::kBFloat16, "bfloat16"};
  if (dtype == Dtype::kF16) return {at::kHalf, "float16"};
  FENNEC_CHECK(dtype == Dtype::kF32);
  return {at::kFloat, "float32"};
}

std::vector<std::byte> bytes_of(const std::string& name, const at::Tensor& tensor,
                                at::ScalarType type) {
  const at::Tensor values = tensor.detach().to(at::kCPU, type).contiguous();
  if (type == at::kHalf && !values.isfinite().all().item<bool>())
    throw IoError("tensor '" + name + "' holds a value that F16 cannot: write F32 or BF16");
  std::vector<std::byte> bytes(values.nbytes());
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data_ptr(), bytes.size());
  return bytes;
}

}  // namespace

void save_checkpoint(const CausalLm& model, const std::filesystem::path& dir, Dtype dtype) {
  const StoredType stored = stored_type(dtype);
  std::unordered_map<std::string, at::Tensor> by_name;
  std::vector<TensorSpec> specs;
  for (const auto& [name, tensor] : model.parameters()) {
    by_name.emplace(name, tensor);
    specs.push_back({name, dtype, tensor.sizes().vec()});
  }
  auto config = nlohmann::json::parse(model.config_json());
  config[config.contains("dtype") ? "dtype" : "torch_dtype"] = stored.name;
  std::filesystem::create_directories(dir);
  save_safetensors(dir / "model.safetensors", std::move(specs), [&](const TensorSpec& spec) {
    return bytes_of(spec.name, by_name.at(spec.name), stored.type);
  });
  write_file_atomically(dir / "config.json", config.dump(2) + "\n");
}

}  // namespace fennec
