#include "model/checkpoint.h"

#include <limits>
#include <span>
#include <utility>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/parameter_math.h"

namespace fennec {
namespace {

namespace fs = std::filesystem;

std::string to_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (const auto size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\\') == std::string::npos && name.find('\0') == std::string::npos;
}

/// The index's weight_map, each shard name checked: tensor → file.
std::map<std::string, std::string> read_weight_map(const fs::path& index_file) {
  const std::string where = index_file.string();
  const auto index = nlohmann::json::parse(read_text_file(index_file), nullptr, false);
  if (index.is_discarded() || !index.is_object()) throw IoError(where + ": not a JSON object");
  const auto found = index.find("weight_map");
  if (found == index.end() || !found->is_object() || found->empty())
    throw IoError(where + ": has no 'weight_map'");
  std::map<std::string, std::string> map;
  for (const auto& [tensor, file] : found->items()) {
    if (!file.is_string())
      throw IoError(where + ": the file of tensor '" + tensor + "' is not a string");
    const auto name = file.get<std::string>();
    if (!is_plain_name(name))
      throw IoError(where + ": tensor '" + tensor + "' points outside the directory: '" + name + "'");
    map.emplace(tensor, name);
  }
  return map;
}

}  // namespace

Checkpoint Checkpoint::open(const fs::path& dir) {
  const auto single = dir / "model.safetensors", index = dir / "model.safetensors.index.json";
  Checkpoint checkpoint;
  checkpoint.dir_ = dir;
  if (fs::exists(single) && fs::exists(index))
    throw IoError(dir.string() +
                  ": has both model.safetensors and model.safetensors.index.json; remove one");
  if (fs::exists(single)) {
    checkpoint.add_file(single);
  } else if (fs::exists(index)) {
    checkpoint.add_shards(index);
  } else if (fs::exists(dir / "pytorch_model.bin") ||
             fs::exists(dir / "pytorch_model.bin.index.json")) {
    throw IoError(dir.string() +
                  ": only has pytorch_model.bin, a pickle, which can run code and is never opened; "
                  "convert it to safetensors");
  } else {
    throw IoError(dir.string() + ": has no model.safetensors");
  }
  return checkpoint;
}

void Checkpoint::add_file(const fs::path& file) {
  files_.push_back(Safetensors::open(file));
  for (const auto& tensor : files_.back().tensors()) tensors_.emplace(tensor.name, &tensor);
}

void Checkpoint::add_shards(const fs::path& index_file) {
  const auto weight_map = read_weight_map(index_file);
  std::map<std::string, std::size_t> opened;
  for (const auto& [tensor, file] : weight_map)
    if (opened.emplace(file, files_.size()).second) files_.push_back(Safetensors::open(dir_ / file));
  for (const auto& [tensor, file] : weight_map) {
    const TensorView* view = files_[opened.at(file)].find(tensor);
    if (view == nullptr)
      throw IoError((dir_ / file).string() + ": lacks tensor '" + tensor +
                    "' that the index places there");
    tensors_.emplace(tensor, view);
  }
  for (const auto& [file, at] : opened)
    for (const auto& tensor : files_[at].tensors())
      if (weight_map.count(tensor.name) == 0)
        throw IoError((dir_ / file).string() + ": tensor '" + tensor.name + "' is not in the index");
}

at::Tensor Checkpoint::take(const std::string& name, const std::vector<std::int64_t>& shape) {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw IoError(dir_.string() + ": tensor '" + name + "' is missing");
  if (!taken_.insert(name).second)
    throw IoError(dir_.string() + ": tensor '" + name + "' is used twice");
  const TensorView& view = *found->second;
  if (view.shape != shape)
    throw IoError(dir_.string() + ": tensor '" + name + "' has shape " + to_text(view.shape) +
                  ", expected " + to_text(shape));
  at::Tensor tensor = at::empty(shape, at::kFloat);
  const std::span<float> values(tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel()));
  if (const auto copied = to_float(view, values); !copied)
    throw IoError(dir_.string() + ": tensor '" + name + "': " + copied.error().message);
  if (!all_finite(values))
    throw IoError(dir_.string() + ": tensor '" + name + "' holds a value that is not finite");
  return tensor;
}

void Checkpoint::finish(const std::function<bool(const std::string&)>& ignored) const {
  for (const auto& [name, view] : tensors_)
    if (taken_.count(name) == 0 && !ignored(name))
      throw IoError(dir_.string() + ": unexpected tensor '" + name + "'");
}

}  // namespace fennec
