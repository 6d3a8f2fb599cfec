#include "core/base_digest.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "core/files.h"
#include "core/safetensors.h"
#include "tests/support/temp_dir.h"

using namespace fennec;

namespace {

TensorView tensor(const std::string& name, std::span<const std::byte> bytes) {
  return {name, Dtype::kF32, {static_cast<std::int64_t>(bytes.size() / 4)}, bytes};
}

void write(const std::filesystem::path& file, std::vector<TensorView> tensors) {
  std::filesystem::create_directories(file.parent_path());
  write_file_atomically(file, write_safetensors(std::move(tensors)));
}

}  // namespace

TEST_CASE("base digest: a single file and its shards are the same base, another byte is not") {
  const test::TempDir dir;
  std::vector<std::byte> a(16, std::byte{1}), b(8, std::byte{2});
  write(dir / "single/model.safetensors", {tensor("a.weight", a), tensor("b.weight", b)});
  write(dir / "sharded/model-00001-of-00002.safetensors", {tensor("b.weight", b)});
  write(dir / "sharded/model-00002-of-00002.safetensors", {tensor("a.weight", a)});
  write_file_atomically(
      dir / "sharded/model.safetensors.index.json",
      R"({"weight_map":{"a.weight":"model-00002-of-00002.safetensors","b.weight":"model-00001-of-00002.safetensors"}})");
  const std::string digest = base_model_digest(dir / "single");
  CHECK(digest.size() == 64);
  CHECK(base_model_digest(dir / "sharded") == digest);

  b[3] = std::byte{3};
  write(dir / "other/model.safetensors", {tensor("a.weight", a), tensor("b.weight", b)});
  CHECK(base_model_digest(dir / "other") != digest);
  b[3] = std::byte{2};
  write(dir / "renamed/model.safetensors", {tensor("a.weight", a), tensor("c.weight", b)});
  CHECK(base_model_digest(dir / "renamed") != digest);
}

TEST_CASE("base digest: a directory without weights, and an index that leaves it, are refused") {
  const test::TempDir dir;
  CHECK_THROWS_AS(base_model_digest(dir.path()), IoError);
  write_file_atomically(dir / "model.safetensors.index.json",
                        R"({"weight_map":{"a":"../a.safetensors"}})");
  CHECK_THROWS_AS(base_model_digest(dir.path()), IoError);
}
