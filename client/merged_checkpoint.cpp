#include "client/merged_checkpoint.h"

#include <stdlib.h>

#include <algorithm>
#include <map>

#include "core/checkpoint_files.h"
#include "core/error.h"
#include "core/files.h"
#include "core/peft_directory.h"
#include "lora/adapter_attachment.h"
#include "model/save_checkpoint.h"

namespace fennec {
namespace {

namespace fs = std::filesystem;

/// What belongs to a model besides its weights and config.json.
constexpr const char* kCompanions[] = {"tokenizer.json",
                                       "tokenizer_config.json",
                                       "special_tokens_map.json",
                                       "added_tokens.json",
                                       "vocab.json",
                                       "merges.txt",
                                       "tokenizer.model",
                                       "generation_config.json",
                                       "chat_template.jinja"};

/// The dtype that most of the base's values have; what F64 held is F32 once loaded.
Dtype stored_dtype(const fs::path& base) {
  std::map<Dtype, std::size_t> elements;
  const CheckpointFiles files = CheckpointFiles::open(base);
  for (const auto& [name, tensor] : files.tensors()) elements[tensor->dtype] += tensor->element_count();
  Dtype most = Dtype::kF32;
  for (const Dtype dtype : {Dtype::kBf16, Dtype::kF16})
    if (elements[dtype] > elements[most]) most = dtype;
  return most;
}

/// A directory in the making beside `target`, whose name it takes at the end.
class StagedDirectory {
 public:
  explicit StagedDirectory(const fs::path& target) : target_(target) {
    const fs::path parent = target.has_parent_path() ? target.parent_path() : ".";
    fs::create_directories(parent);
    std::string name = (parent / ("." + target.filename().string() + ".XXXXXX")).string();
    if (::mkdtemp(name.data()) == nullptr)
      throw IoError(target.string() + ": cannot create a directory beside it");
    path_ = name;
  }
  ~StagedDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  StagedDirectory(const StagedDirectory&) = delete;
  StagedDirectory& operator=(const StagedDirectory&) = delete;

  const fs::path& path() const { return path_; }
  void commit() {
    fs::permissions(path_, fs::perms(0755));
    sync_directory(path_);
    fs::rename(path_, target_);
    sync_directory(target_.has_parent_path() ? target_.parent_path() : ".");
  }

 private:
  fs::path target_, path_;
};

}  // namespace

Dtype write_merged_checkpoint(const MergedCheckpoint& request) {
  fs::path out = request.out;
  if (!out.has_filename()) out = out.parent_path();  // "dir/"
  if (fs::exists(out) && !(fs::is_directory(out) && fs::is_empty(out)))
    throw ConfigError("--out: " + out.string() + " is there already");
  const auto model = load_causal_lm(request.base);
  const PeftAdapter adapter = read_peft_directory(request.adapter);
  merge_adapter(*model, adapter.tensors, adapter.config);
  const Dtype dtype = request.dtype ? *request.dtype : stored_dtype(request.base);
  StagedDirectory staged(out);
  save_checkpoint(*model, staged.path(), dtype);
  for (const char* name : kCompanions)
    if (fs::exists(request.base / name))
      write_file_atomically(staged.path() / name, read_binary_file(request.base / name));
  staged.commit();
  return dtype;
}

}  // namespace fennec
