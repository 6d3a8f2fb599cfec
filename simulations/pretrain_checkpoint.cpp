#include "simulations/pretrain_checkpoint.h"

#include <span>

#include <ATen/ATen.h>

#include "core/files.h"
#include "core/safetensors.h"

namespace fennec {
namespace {

std::span<float> values_of(const at::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

TensorView view_of(std::string name, std::span<const float> values, std::vector<std::int64_t> shape) {
  return {std::move(name), Dtype::kF32, std::move(shape), std::as_bytes(values)};
}

void read_into(const Safetensors& saved, const std::filesystem::path& file, const std::string& name,
               std::span<float> out) {
  const TensorView* view = saved.find(name);
  if (view == nullptr || view->element_count() != out.size() || !to_float(*view, out))
    throw IoError(file.string() + ": tensor '" + name + "' is missing or does not fit");
}

}  // namespace

void save_pretrain_checkpoint(const std::filesystem::path& file, const CausalLm& model,
                              const AdamW& optimizer, const std::string& run) {
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : model.parameters())
    views.push_back(view_of("weight." + name, values_of(tensor), tensor.sizes().vec()));
  const auto size = static_cast<std::int64_t>(optimizer.first_moment().size());
  views.push_back(view_of("optimizer.m", optimizer.first_moment(), {size}));
  views.push_back(view_of("optimizer.v", optimizer.second_moment(), {size}));
  write_file_atomically(
      file, write_safetensors(std::move(views),
                              {{"run", run}, {"steps", std::to_string(optimizer.steps())}}));
}

std::optional<std::int64_t> load_pretrain_checkpoint(const std::filesystem::path& file,
                                                     const CausalLm& model, AdamW& optimizer,
                                                     const std::string& run) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  const Safetensors saved = Safetensors::open(file);
  const auto named = saved.metadata().find("run"), steps = saved.metadata().find("steps");
  if (named == saved.metadata().end() || steps == saved.metadata().end() || named->second != run)
    throw IoError(file.string() +
                  ": belongs to another configuration; remove it or choose another --out");
  for (const auto& [name, tensor] : model.parameters())
    read_into(saved, file, "weight." + name, values_of(tensor));
  std::vector<float> m(optimizer.first_moment().size()), v(m.size());
  read_into(saved, file, "optimizer.m", m);
  read_into(saved, file, "optimizer.v", v);
  const std::int64_t done = std::stoll(steps->second);
  if (const auto restored = optimizer.restore(m, v, done); !restored)
    throw IoError(file.string() + ": " + restored.error().message);
  return done;
}

}  // namespace fennec
