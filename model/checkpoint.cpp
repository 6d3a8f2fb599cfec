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

Checkpoint Checkpoint::open(const std::filesystem::path& dir, std::string base_precision) {
  return {CheckpointFiles::open(dir), std::move(base_precision)};
}

void Checkpoint::refuse(const std::string& name, const std::string& why) const {
  throw IoError(files_.dir().string() + ": tensor '" + name + "' " + why);
}

const TensorView& Checkpoint::use(const std::string& name, const std::vector<std::int64_t>& shape) {
  const auto found = files_.tensors().find(name);
  if (found == files_.tensors().end()) refuse(name, "is missing");
  if (!taken_.insert(name).second) refuse(name, "is used twice");
  const TensorView& view = *found->second;
  if (view.shape != shape)
    refuse(name, "has shape " + to_text(view.shape) + ", expected " + to_text(shape));
  return view;
}

/// Values [begin, end) of a tensor, whose pages then leave memory.
void Checkpoint::read(const TensorView& view, std::int64_t begin, std::int64_t end, float* out) const {
  const std::size_t width = byte_width(view.dtype), first = static_cast<std::size_t>(begin),
                    count = static_cast<std::size_t>(end - begin);
  const TensorView part{
      view.name, view.dtype, {end - begin}, view.bytes.subspan(first * width, count * width)};
  const std::span<float> values(out, count);
  if (const auto copied = to_float(part, values); !copied)
    refuse(view.name, "cannot be read: " + copied.error().message);
  files_.release(part);
  if (!all_finite(values)) refuse(view.name, "holds a value that is not finite");
}

at::Tensor Checkpoint::take(const std::string& name, const std::vector<std::int64_t>& shape) {
  const TensorView& view = use(name, shape);
  at::Tensor tensor = at::empty(shape, at::kFloat);
  read(view, 0, tensor.numel(), tensor.data_ptr<float>());
  return tensor;
}

FrozenWeight Checkpoint::take_matrix(const std::string& name, std::int64_t rows, std::int64_t columns,
                                     MatrixRole role) {
  const std::string precision = matrix_precision(base_precision_, role);
  if (precision == "fp32") return take(name, {rows, columns});
  const TensorView& view = use(name, {rows, columns});
  return FrozenWeight(
      quantize(precision, rows, columns, [&](std::int64_t begin, std::int64_t end, float* out) {
        read(view, begin * columns, end * columns, out);
      }));
}

FrozenWeight Checkpoint::keep(at::Tensor matrix, MatrixRole role) const {
  return freeze(matrix, matrix_precision(base_precision_, role));
}

void Checkpoint::finish(const std::function<bool(const std::string&)>& ignored) const {
  for (const auto& [name, view] : files_.tensors())
    if (taken_.count(name) == 0 && !ignored(name)) refuse(name, "is unexpected");
}

}  // namespace fennec
