#include "model/save_checkpoint.h"

#include <list>
#include <span>
#include <vector>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"

namespace fennec {

void save_checkpoint(const CausalLm& model, const std::filesystem::path& dir, Dtype dtype) {
  FENNEC_CHECK(dtype == Dtype::kF32 || dtype == Dtype::kBf16);
  std::list<at::Tensor> held;  // the bytes the views look at
  std::list<std::vector<std::uint16_t>> converted;
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : model.parameters()) {
    const at::Tensor& values = held.emplace_back(tensor.detach().to(at::kFloat).contiguous());
    const std::span<const float> floats(values.data_ptr<float>(),
                                        static_cast<std::size_t>(values.numel()));
    auto bytes = std::as_bytes(floats);
    if (dtype == Dtype::kBf16)
      bytes = std::as_bytes(std::span<const std::uint16_t>(converted.emplace_back(to_bf16(floats))));
    views.push_back({name, dtype, values.sizes().vec(), bytes});
  }
  auto config = nlohmann::json::parse(model.config_json());
  config["torch_dtype"] = dtype == Dtype::kBf16 ? "bfloat16" : "float32";
  std::filesystem::create_directories(dir);
  write_file_atomically(dir / "model.safetensors", write_safetensors(std::move(views)));
  write_file_atomically(dir / "config.json", config.dump(2) + "\n");
}

}  // namespace fennec
