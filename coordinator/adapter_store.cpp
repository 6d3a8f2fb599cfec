#include "coordinator/adapter_store.h"

#include <charconv>

#include <fmt/format.h>

#include "aggregation/absorption.h"
#include "aggregation/travel.h"
#include "core/digest.h"
#include "core/error.h"
#include "core/files.h"
#include "core/peft_directory.h"
#include "core/safetensors.h"

namespace fennec {

namespace fs = std::filesystem;

namespace {

constexpr const char* kWeights = "adapter_model.safetensors";
constexpr const char* kTrained =
    "trained.safetensors";  // what travels, where it is less than PEFT's file (a frozen half) or more
constexpr const char* kMoments = "server_optimizer.safetensors";

constexpr const char* kStep = "step.bin";

std::string moment_prefix(std::size_t index) { return fmt::format("moment.{}.", index); }

ParameterSet arrange(const Safetensors& file, const LayoutPtr& layout, const std::string& prefix,
                     const fs::path& where) {
  ParameterSet out(layout);
  for (const ParameterEntry& entry : layout->entries()) {
    const TensorView* tensor = file.find(prefix + entry.name);
    if (tensor == nullptr || tensor->shape != entry.shape)
      throw IoError(fmt::format("{}: tensor '{}' is missing or has another shape", where.string(),
                                prefix + entry.name));
    if (const Result<void> read = to_float(*tensor, out.values(entry)); !read)
      throw IoError(
          fmt::format("{}: tensor '{}': {}", where.string(), entry.name, read.error().message));
  }
  return out;
}

}  // namespace

AdapterStore::AdapterStore(fs::path dir, LayoutPtr layout, PeftConfig config, ParameterSet frozen)
    : dir_(std::move(dir)),
      layout_(std::move(layout)),
      config_(std::move(config)),
      frozen_(std::move(frozen)),
      is_peft_(frozen_.size() == 0 && *travelling_layout(layout_, Half::kBoth) == *layout_) {}

AdapterStore AdapterStore::open(const fs::path& dir, const LayoutPtr& layout) {
  PeftAdapter first = read_peft_directory(dir / "0000");
  ParameterSet frozen = frozen_part(first.tensors, *layout);
  return {dir, layout, std::move(first.config), std::move(frozen)};
}

fs::path AdapterStore::travelling_file(AdapterVersion version) const {
  return directory(version) / (is_peft_ ? kWeights : kTrained);
}

fs::path AdapterStore::directory(AdapterVersion version) const {
  return dir_ / fmt::format("{:04}", version.value);
}

AdapterStore::Stored AdapterStore::write(AdapterVersion version, const ParameterSet& adapter,
                                         const std::vector<const ParameterSet*>& moments,
                                         std::span<const std::byte> step) {
  const fs::path dir = directory(version);
  fs::create_directories(dir);
  fs::remove(dir / kMoments);
  fs::remove(dir / kStep);
  if (!step.empty()) write_file_atomically(dir / kStep, step);
  if (!moments.empty()) {
    std::vector<TensorView> tensors;
    for (std::size_t i = 0; i < moments.size(); ++i)
      for (TensorView& view : to_views(*moments[i])) {
        view.name = moment_prefix(i) + view.name;
        tensors.push_back(std::move(view));
      }
    write_file_atomically(dir / kMoments, write_safetensors(std::move(tensors)));
  }
  const fs::path travelling = travelling_file(version);
  if (is_peft_) {
    write_peft_directory(dir, config_, adapter);
  } else {
    write_peft_directory(dir, config_, complete_adapter(stacked_adapter(adapter), frozen_));
    write_file_atomically(travelling, write_safetensors(to_views(adapter)));
  }
  sync_directory(dir_);
  return {static_cast<std::int64_t>(fs::file_size(travelling)), to_hex(sha256_file(travelling))};
}

ParameterSet AdapterStore::read(AdapterVersion version) const {
  const fs::path file = travelling_file(version);
  return arrange(Safetensors::open(file), layout_, "", file);
}

std::vector<ParameterSet> AdapterStore::read_moments(AdapterVersion version) const {
  const fs::path path = directory(version) / kMoments;
  if (!fs::exists(path)) return {};
  const Safetensors file = Safetensors::open(path);
  std::vector<ParameterSet> out;
  for (std::size_t i = 0; i * layout_->entries().size() < file.tensors().size(); ++i)
    out.push_back(arrange(file, layout_, moment_prefix(i), path));
  return out;
}

std::vector<std::byte> AdapterStore::file_bytes(AdapterVersion version) const {
  return read_binary_file(travelling_file(version));
}

std::vector<std::byte> AdapterStore::step_bytes(AdapterVersion version) const {
  const fs::path file = directory(version) / kStep;
  return fs::exists(file) ? read_binary_file(file) : std::vector<std::byte>();
}

void AdapterStore::remove_after(AdapterVersion version) {
  std::vector<fs::path> orphans;
  for (const auto& entry : fs::directory_iterator(dir_)) {
    const std::string name = entry.path().filename().string();
    std::int64_t found = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), found);
    if (parsed.ec == std::errc() && parsed.ptr == name.data() + name.size() && found > version.value)
      orphans.push_back(entry.path());
  }
  for (const fs::path& orphan : orphans) fs::remove_all(orphan);
}

}  // namespace fennec
