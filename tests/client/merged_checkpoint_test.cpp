#include "client/merged_checkpoint.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/peft_directory.h"
#include "core/safetensors.h"
#include "tests/client/program.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using nlohmann::json;
using test::run_client;

namespace {

namespace fs = std::filesystem;

std::vector<float> values_of(const Safetensors& file, const std::string& name) {
  const TensorView* view = file.find(name);
  REQUIRE_MESSAGE(view != nullptr, name);
  std::vector<float> values(view->element_count());
  REQUIRE(to_float(*view, values));
  return values;
}

double max_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return worst;
}

/// The golden merged weight, in the orientation and under the name that checkpoints have it.
void check_merged_weight(const fs::path& out, const Safetensors& expected, double tolerance) {
  const Safetensors written = Safetensors::open(out / "model.safetensors");
  CHECK(written.metadata().at("format") == "pt");
  const std::string prefix = "merged.";
  int compared = 0;
  for (const TensorView& tensor : expected.tensors()) {
    if (!tensor.name.starts_with(prefix)) continue;
    const std::string name = tensor.name.substr(prefix.size());
    CHECK(written.find(name)->shape == tensor.shape);
    CHECK(max_difference(values_of(written, name), values_of(expected, tensor.name)) <= tolerance);
    ++compared;
  }
  CHECK(compared == 1);
}

}  // namespace

TEST_CASE("merged checkpoint: of every golden family the golden weights, in F32") {
  FENNEC_NEEDS_SHARED("golden");
  for (const auto& base : test::golden_checkpoints()) {
    CAPTURE(base.filename().string());
    const test::TempDir dir;
    CHECK(write_merged_checkpoint({base, base / "adapter_all", dir / "out", Dtype::kF32}) ==
          Dtype::kF32);
    const Safetensors expected = Safetensors::open(base / "adapter_all/expected.safetensors");
    check_merged_weight(dir / "out", expected, 1e-6);
    json before = json::parse(read_text_file(base / "config.json"));
    before["torch_dtype"] = "float32";
    CHECK(json::parse(read_text_file(dir / "out/config.json")) == before);
  }
}

TEST_CASE("merged checkpoint: in the dtype of the base, rounded, unless told otherwise") {
  FENNEC_NEEDS_SHARED("golden/qwen2-bf16-untied");
  const test::TempDir dir;
  const fs::path base = test::shared("golden/qwen2-bf16-untied");
  CHECK(write_merged_checkpoint({base, base / "adapter_qv", dir / "out/", {}}) == Dtype::kBf16);
  const Safetensors expected = Safetensors::open(base / "adapter_qv/expected.safetensors");
  check_merged_weight(dir / "out", expected, 0.01);
  CHECK(json::parse(read_text_file(dir / "out/config.json"))["torch_dtype"] == "bfloat16");
}

TEST_CASE("merged checkpoint: appears as a whole, takes the tokenizer along, and replaces nothing") {
  FENNEC_NEEDS_SHARED("pretrained/stories260K");
  const test::TempDir dir;
  const fs::path base = test::shared("pretrained/stories260K");
  const MergedCheckpoint bad{base, dir / "no adapter", dir / "out", {}};
  CHECK_THROWS_AS(write_merged_checkpoint(bad), IoError);
  CHECK(fs::is_empty(dir.path()));
  write_merged_checkpoint({base, base / "adapter_tuned", dir / "out", {}});
  CHECK(read_text_file(dir / "out/tokenizer.json") == read_text_file(base / "tokenizer.json"));
  CHECK(std::distance(fs::directory_iterator(dir.path()), {}) == 1);
  CHECK_THROWS_AS(write_merged_checkpoint({base, base / "adapter_tuned", dir / "out", {}}),
                  ConfigError);
}

TEST_CASE("command line: an exported checkpoint has the logits of base and adapter") {
  FENNEC_NEEDS_SHARED("golden/gpt2");
  for (const char* family : {"gpt2", "gpt_neox", "qwen3"}) {
    CAPTURE(std::string(family));
    const test::TempDir dir;
    const std::string base = test::shared("golden/" + std::string(family)).string(),
                      adapter = " --adapter " + base + "/adapter_all";
    const std::string ids = " --ids 3,17,95,4,4,60,1,2,3,4 --out ";
    const auto exported =
        run_client("export --base " + base + adapter + " --out " + (dir / "m").string());
    CAPTURE(exported.err);
    REQUIRE(exported.exit_code == 0);
    CHECK(exported.out.find("in F32") != std::string::npos);
    const auto logits = [&](const std::string& options, const char* file) {
      const auto run = run_client("logits --base " + options + ids + (dir / file).string());
      CAPTURE(run.err);
      REQUIRE(run.exit_code == 0);
      return values_of(Safetensors::open(dir / file), "logits");
    };
    const auto attached = logits(base + adapter, "a"), plain = logits(base, "p"),
               merged = logits((dir / "m").string(), "l");
    CHECK(max_difference(attached, merged) < 1e-4);
    CHECK(max_difference(attached, plain) > 1e-2);
  }
  CHECK(run_client("export --base . --adapter . --out x --dtype int4").exit_code == 2);
}

TEST_CASE(
    "command line: a portable adapter has its whole scale in B and does the same; GPT-2 has none") {
  FENNEC_NEEDS_SHARED("golden/qwen3");
  const test::TempDir dir;
  const std::string base = test::shared("golden/qwen3").string(), adapter = base + "/adapter_all",
                    portable = (dir / "p").string();
  const auto exported = run_client("export --portable --adapter " + adapter + " --out " + portable);
  CAPTURE(exported.err);
  REQUIRE(exported.exit_code == 0);
  const PeftConfig config = read_adapter_config(portable);
  CHECK(config.lora_alpha == config.r);
  const auto logits = [&](const std::string& directory, const char* file) {
    const auto run = run_client("logits --base " + base + " --adapter " + directory +
                                " --ids 3,17,95,4,4,60 --out " + (dir / file).string());
    CAPTURE(run.err);
    REQUIRE(run.exit_code == 0);
    return values_of(Safetensors::open(dir / file), "logits");
  };
  CHECK(max_difference(logits(adapter, "a"), logits(portable, "b")) < 1e-4);
  const std::string gpt2 = test::shared("golden/gpt2/adapter_all").string();
  const auto refused =
      run_client("export --portable --adapter " + gpt2 + " --out " + (dir / "g").string());
  CHECK(refused.exit_code != 0);
  CHECK(refused.err.find("export the merged model instead") != std::string::npos);
  CHECK(run_client("export --portable --base x --adapter x --out x").exit_code == 2);
}
