#include "model/checkpoint.h"

#include <span>

#include <ATen/ATen.h>

#include "core/error.h"
#include "core/parameter_math.h"

namespace fennec {
namespace {

std::string to_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (const auto size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

}  // namespace

Checkpoint Checkpoint::open(const std::filesystem::path& dir) {
  return Checkpoint(CheckpointFiles::open(dir));
}

void Checkpoint::refuse(const std::string& name, const std::string& why) const {
  throw IoError(files_.dir().string() + ": tensor '" + name + "' " + why);
}

at::Tensor Checkpoint::take(const std::string& name, const std::vector<std::int64_t>& shape) {
  const auto found = files_.tensors().find(name);
  if (found == files_.tensors().end()) refuse(name, "is missing");
  if (!taken_.insert(name).second) refuse(name, "is used twice");
  const TensorView& view = *found->second;
  if (view.shape != shape)
    refuse(name, "has shape " + to_text(view.shape) + ", expected " + to_text(shape));
  at::Tensor tensor = at::empty(shape, at::kFloat);
  const std::span<float> values(tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel()));
  if (const auto copied = to_float(view, values); !copied)
    refuse(name, "cannot be read: " + copied.error().message);
  files_.release(view);
  if (!all_finite(values)) refuse(name, "holds a value that is not finite");
  return tensor;
}

void Checkpoint::finish(const std::function<bool(const std::string&)>& ignored) const {
  for (const auto& [name, view] : files_.tensors())
    if (taken_.count(name) == 0 && !ignored(name)) refuse(name, "is unexpected");
}

}  // namespace fennec
