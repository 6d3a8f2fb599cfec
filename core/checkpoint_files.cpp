#include "core/checkpoint_files.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"

namespace fennec {
namespace {

namespace fs = std::filesystem;

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

[[noreturn]] void refuse_directory(const fs::path& dir) {
  for (const char* pickle : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
    if (fs::exists(dir / pickle))
      throw IoError(dir.string() + ": only has " + pickle +
                    ", a pickle, which can run code and is never opened; convert it to safetensors");
  throw IoError(dir.string() + ": no model.safetensors and no model.safetensors.index.json");
}

}  // namespace

CheckpointFiles CheckpointFiles::open(const fs::path& dir) {
  const auto single = dir / "model.safetensors", index = dir / "model.safetensors.index.json";
  CheckpointFiles checkpoint;
  checkpoint.dir_ = dir;
  if (fs::exists(single) && fs::exists(index))
    throw IoError(dir.string() +
                  ": has both model.safetensors and model.safetensors.index.json; remove one");
  if (fs::exists(index)) {
    checkpoint.add_shards(index);
  } else if (fs::exists(single)) {
    checkpoint.add_file(single);
    for (const auto& tensor : checkpoint.files_.back().tensors())
      checkpoint.tensors_.emplace(tensor.name, &tensor);
  } else {
    refuse_directory(dir);
  }
  return checkpoint;
}

std::size_t CheckpointFiles::add_file(const fs::path& file) {
  files_.push_back(Safetensors::open(file));
  paths_.push_back(file);
  return files_.size() - 1;
}

void CheckpointFiles::add_shards(const fs::path& index_file) {
  const auto weight_map = read_weight_map(index_file);
  std::map<std::string, std::size_t> opened;
  for (const auto& [tensor, file] : weight_map) opened.emplace(file, 0);
  for (auto& [file, at] : opened) at = add_file(dir_ / file);
  for (const auto& [tensor, file] : weight_map) {
    const TensorView* view = files_[opened.at(file)].find(tensor);
    if (view == nullptr)
      throw IoError((dir_ / file).string() + ": lacks tensor '" + tensor +
                    "' that the index places there");
    tensors_.emplace(tensor, view);
  }
  for (const auto& [file, at] : opened)
    for (const auto& tensor : files_[at].tensors())
      if (tensors_.count(tensor.name) == 0 || tensors_.at(tensor.name) != &tensor)
        throw IoError((dir_ / file).string() + ": tensor '" + tensor.name +
                      "' is not placed there by the index");
}

void CheckpointFiles::release(const TensorView& tensor) const {
  for (const Safetensors& file : files_) {
    const TensorView* whole = file.find(tensor.name);
    if (whole != nullptr && whole->bytes.data() <= tensor.bytes.data() &&
        tensor.bytes.data() + tensor.bytes.size() <= whole->bytes.data() + whole->bytes.size())
      file.release(tensor);
  }
}

}  // namespace fennec
