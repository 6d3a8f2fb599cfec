#include "tests/support/doctest_torch.h"

#include <functional>
#include <limits>

#include <nlohmann/json.hpp>

#include <ATen/core/grad_mode.h>

#include "core/error.h"
#include "core/files.h"
#include "core/safetensors.h"
#include "model/checkpoint.h"
#include "model/save_checkpoint.h"
#include "tests/model/golden.h"
#include "tests/model/random_llama.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace fennec;
using fennec::test::TempDir;
using nlohmann::json;

/// The message of the IoError that loading throws, or "" when it loads.
std::string load_error(const std::filesystem::path& dir) {
  try {
    load_causal_lm(dir);
    return "";
  } catch (const IoError& e) {
    return e.what();
  }
}

bool mentions(const std::string& text, std::initializer_list<const char*> words) {
  for (const char* word : words)
    if (text.find(word) == std::string::npos) {
      MESSAGE(std::string(word), " is not in: ", text);
      return false;
    }
  return true;
}

void save_small(const std::filesystem::path& dir) {
  save_checkpoint(*fennec::test::random_llama(fennec::test::small_config(false)), dir, Dtype::kF32);
}

/// Rewrites config.json of a small checkpoint.
std::string error_with_config(const std::function<void(json&)>& change) {
  const TempDir dir;
  save_small(dir.path());
  auto config = json::parse(read_text_file(dir / "config.json"));
  change(config);
  write_file_atomically(dir / "config.json", config.dump());
  return load_error(dir.path());
}

/// Rewrites the tensors of a small checkpoint.
std::string error_with_tensors(const std::function<void(std::vector<TensorView>&)>& change) {
  const TempDir dir;
  save_small(dir.path());
  std::vector<std::byte> bytes;
  {
    const auto file = Safetensors::open(dir / "model.safetensors");
    auto tensors = file.tensors();
    change(tensors);
    bytes = write_safetensors(tensors);
  }
  write_file_atomically(dir / "model.safetensors", bytes);
  return load_error(dir.path());
}

TensorView& tensor_named(std::vector<TensorView>& tensors, const std::string& name) {
  for (auto& tensor : tensors)
    if (tensor.name == name) return tensor;
  FAIL("no such tensor");
  return tensors.front();
}

}  // namespace

TEST_CASE("checkpoint: what was saved loads with equal weights, bf16 to half a unit of its 8 bits") {
  for (const bool tied : {true, false})
    for (const bool biased : {true, false}) {
      const TempDir dir;
      const auto model = fennec::test::random_llama(fennec::test::small_config(tied, biased));
      const auto ids = fennec::test::random_ids(Seed(2), 2, 9, 60);
      const at::NoGradGuard no_grad;
      save_checkpoint(*model, dir / "f32", Dtype::kF32);
      CHECK(at::equal(fennec::test::all_logits(*load_causal_lm(dir / "f32"), {ids, {}, {}}),
                      fennec::test::all_logits(*model, {ids, {}, {}})));
      save_checkpoint(*model, dir / "bf16", Dtype::kBf16);
      const auto loaded = load_causal_lm(dir / "bf16");
      const auto before = model->parameters(), after = loaded->parameters();
      REQUIRE(before.size() == after.size());
      for (std::size_t i = 0; i < before.size(); ++i) {
        CHECK(before[i].first == after[i].first);
        CHECK(((after[i].second - before[i].second).abs() <= before[i].second.abs() / 256)
                  .all()
                  .item<bool>());
      }
      CHECK(base_model_digest(dir / "f32") != base_model_digest(dir / "bf16"));
      CHECK(json::parse(read_text_file(dir / "bf16/config.json"))["torch_dtype"] == "bfloat16");
    }
}

TEST_CASE("checkpoint: rope settings survive saving and loading") {
  LlamaConfig config = fennec::test::small_config();
  config.rope.type = "llama3";
  config.rope.theta = 5e5;
  config.rope.factor = 8;
  config.rope.original_max_positions = 16;
  const TempDir dir;
  const auto model = fennec::test::random_llama(config);
  save_checkpoint(*model, dir.path(), Dtype::kF32);
  const TokenBatch batch{fennec::test::random_ids(Seed(1), 1, 60, 60), {}, {}};
  const at::NoGradGuard no_grad;
  CHECK(at::equal(fennec::test::all_logits(*load_causal_lm(dir.path()), batch),
                  fennec::test::all_logits(*model, batch)));
}

TEST_CASE("checkpoint: tensors that do not fit are named") {
  const std::string k = "model.layers.1.self_attn.k_proj.weight";
  CHECK(error_with_tensors([](auto&) {}).empty());
  CHECK(mentions(error_with_tensors([&](auto& all) {
                   std::erase_if(all, [&](const auto& t) { return t.name == k; });
                 }),
                 {k.c_str(), "missing"}));
  CHECK(mentions(error_with_tensors([&](auto& all) {
                   std::erase_if(all, [&](const auto& t) { return t.name == "lm_head.weight"; });
                 }),
                 {"lm_head.weight", "missing"}));
  CHECK(mentions(error_with_tensors([&](auto& all) {
                   all.push_back(all.front()), all.back().name = "model.layers.9.x";
                 }),
                 {"model.layers.9.x", "unexpected"}));
  CHECK(mentions(error_with_tensors([&](auto& all) {
                   tensor_named(all, k).shape = {24, 16};
                 }),
                 {k.c_str(), "[24, 16]", "[16, 24]"}));
  CHECK(mentions(error_with_tensors([&](auto& all) {
                   auto& t = tensor_named(all, k);
                   t.dtype = Dtype::kI32;
                 }),
                 {k.c_str()}));
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> values(16 * 24, 0.5F);
    values[77] = bad;
    CHECK(mentions(error_with_tensors([&](auto& all) {
                     tensor_named(all, k).bytes = std::as_bytes(std::span(values));
                   }),
                   {k.c_str(), "finite"}));
  }
}

TEST_CASE("checkpoint: leftovers of older writers are ignored") {
  CHECK(error_with_tensors([](auto& all) {
          all.push_back(all.front()), all.back().name = "model.layers.0.self_attn.rotary_emb.inv_freq";
        }).empty());
  const TempDir dir;
  save_small(dir.path());
  auto config = json::parse(read_text_file(dir / "config.json"));
  config["tie_word_embeddings"] = true;  // a tied checkpoint may carry the head again
  write_file_atomically(dir / "config.json", config.dump());
  CHECK(load_error(dir.path()).empty());
}

TEST_CASE("checkpoint: what cannot be run is refused, with the reason") {
  CHECK(mentions(error_with_config([](json& c) {
                   c["quantization_config"] = {{"bits", 4}};
                 }),
                 {"quantization_config", "quantised", "supported: llama"}));
  CHECK(mentions(error_with_config([](json& c) { c["num_local_experts"] = 8; }),
                 {"num_local_experts", "mixture-of-experts"}));
  CHECK(mentions(error_with_config([](json& c) {
                   c["auto_map"] = {{"AutoModel", "x.Y"}};
                 }),
                 {"auto_map", "remote code"}));
  CHECK(mentions(error_with_config([](json& c) { c["model_type"] = "mamba"; }),
                 {"mamba", "supported: llama, mistral, qwen2, qwen3, gemma, gpt2, gpt_neox"}));
  for (const char* family : {"gemma2", "gemma3", "mixtral", "qwen2_moe", "phi3"})
    CHECK(mentions(error_with_config([&](json& c) { c["model_type"] = family; }),
                   {family, "supported: llama"}));
  CHECK(mentions(error_with_config([](json& c) { c["hidden_act"] = "quick_gelu"; }),
                 {"hidden_act", "quick_gelu", "supported: silu"}));
  CHECK(mentions(error_with_config([](json& c) { c["hidden_size"] = "24"; }), {"hidden_size"}));
  CHECK(mentions(error_with_config([](json& c) { c["num_key_value_heads"] = 4; }),
                 {"num_key_value_heads"}));
  CHECK(mentions(error_with_config([](json& c) { c["vocab_size"] = -3; }), {"vocab_size"}));
  CHECK(mentions(error_with_config([](json& c) {
                   c["rope_scaling"] = {{"rope_type", "longrope"}, {"factor", 2}};
                 }),
                 {"rope_scaling", "longrope"}));
  const TempDir dir;
  save_small(dir.path());
  std::filesystem::rename(dir / "model.safetensors", dir / "pytorch_model.bin");
  CHECK(mentions(load_error(dir.path()), {"pytorch_model.bin", "pickle"}));
}

TEST_CASE("checkpoint: an index may only name files of its own directory and tensors that are there") {
  const TempDir dir;
  save_small(dir.path());
  std::filesystem::rename(dir / "model.safetensors", dir / "model-00001-of-00001.safetensors");
  json map;
  {
    const auto file = Safetensors::open(dir / "model-00001-of-00001.safetensors");
    for (const auto& tensor : file.tensors()) map[tensor.name] = "model-00001-of-00001.safetensors";
  }
  const auto error_with = [&](const json& weight_map) {
    write_file_atomically(dir / "model.safetensors.index.json",
                          json{{"weight_map", weight_map}}.dump());
    return load_error(dir.path());
  };
  CHECK(error_with(map).empty());
  for (const char* path :
       {"../model-00001-of-00001.safetensors", "/etc/passwd", "..", "a/b.safetensors", ""}) {
    json changed = map;
    changed["lm_head.weight"] = path;
    CHECK(mentions(error_with(changed), {"lm_head.weight", "outside"}));
  }
  json changed = map;
  changed["not.there"] = "model-00001-of-00001.safetensors";
  CHECK(mentions(error_with(changed), {"not.there"}));
  changed = map;
  changed.erase("lm_head.weight");
  CHECK(mentions(error_with(changed), {"lm_head.weight"}));
}

TEST_CASE("checkpoint: a tensor comes from the shard the index names, and from no other") {
  const TempDir dir;
  const std::vector<float> values(4, 1.0F);
  const TensorView a{"a", Dtype::kF32, {4}, std::as_bytes(std::span(values))};
  write_file_atomically(dir / "one.safetensors", write_safetensors({a}));
  write_file_atomically(dir / "two.safetensors", write_safetensors({a}));
  const auto open = [&](const char* map) {
    write_file_atomically(dir / "model.safetensors.index.json", map);
    return Checkpoint::open(dir.path());
  };
  CHECK_NOTHROW(open(R"({"weight_map": {"a": "one.safetensors"}})").take("a", {4}));
  TensorView b = a;
  b.name = "b";
  write_file_atomically(dir / "two.safetensors", write_safetensors({a, b}));
  CHECK_THROWS_AS(open(R"({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})"), IoError);
}

TEST_CASE("checkpoint: F16, BF16 and F64 become the float32 of the same value") {
  const TempDir dir;
  const std::vector<std::uint16_t> half = {0x3c00, 0xc000, 0x0001, 0x7bff};  // 1, −2, 2⁻²⁴, 65504
  const std::vector<std::uint16_t> bf16 = {0x3f80, 0xc000, 0x0080, 0x7f7f};
  const std::vector<double> f64 = {1, -2, 0.1, 1e300};
  const auto view = [](const char* name, Dtype dtype, auto& values) {
    return TensorView{name, dtype, {4}, std::as_bytes(std::span(values))};
  };
  write_file_atomically(dir / "model.safetensors", write_safetensors({view("half", Dtype::kF16, half),
                                                                      view("bf16", Dtype::kBf16, bf16),
                                                                      view("f64", Dtype::kF64, f64)}));
  auto checkpoint = Checkpoint::open(dir.path());
  CHECK(at::equal(checkpoint.take("half", {4}), at::tensor({1.0F, -2.0F, 0x1p-24F, 65504.0F})));
  CHECK(at::equal(checkpoint.take("bf16", {4}), at::tensor({1.0F, -2.0F, 0x1p-126F, 0x1.fep127F})));
  CHECK_THROWS_WITH_AS(
      checkpoint.take("f64", {4}),
      (dir.path().string() + ": tensor 'f64' holds a value that is not finite").c_str(), IoError);
  CHECK_THROWS_AS(checkpoint.take("half", {4}), IoError);
}

TEST_CASE("checkpoint: what has been read leaves memory again") {
  const TempDir dir;
  const std::vector<float> values(8 << 20, 0.5F);
  std::vector<TensorView> tensors;
  for (const char* name : {"a", "b", "c"})
    tensors.push_back({name, Dtype::kF32, {8 << 20}, std::as_bytes(std::span(values))});
  write_file_atomically(dir / "model.safetensors", write_safetensors(tensors));
  const auto mapped_kib = [] {
    const std::string status = read_text_file("/proc/self/status");
    return std::stol(status.substr(status.find("RssFile:") + 8));
  };
  auto checkpoint = Checkpoint::open(dir.path());
  const long before = mapped_kib();
  for (const char* name : {"a", "b", "c"}) checkpoint.take(name, {8 << 20});
  CHECK(mapped_kib() - before < 4096);  // of 96 MiB
}

TEST_CASE("checkpoint: F16 that cannot hold a value is refused, not written as infinity") {
  const TempDir dir;
  const auto model = fennec::test::random_llama(fennec::test::small_config());
  save_checkpoint(*model, dir.path(), Dtype::kF16);
  const auto before = model->parameters(), after = load_causal_lm(dir.path())->parameters();
  for (std::size_t i = 0; i < before.size(); ++i)
    CHECK(at::allclose(before[i].second, after[i].second, 1.0 / 2048, 1e-7));
  model->parameters().front().second[0][0] = 1e6F;
  CHECK_THROWS_AS(save_checkpoint(*model, dir.path(), Dtype::kF16), IoError);
  CHECK(load_error(dir.path()).empty());  // what was there is there still
}
