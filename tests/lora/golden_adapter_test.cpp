#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "core/peft_directory.h"
#include "core/safetensors.h"
#include "lora/adamw.h"
#include "lora/adapter_attachment.h"
#include "tests/support/shared.h"

using namespace fennec;  // NOLINT: test

namespace {

constexpr const char* kAdapters[] = {"adapter_qv",   "adapter_all",       "adapter_rslora",
                                     "adapter_dora", "adapter_save_head", "adapter_pattern",
                                     "adapter_embed"};

at::Tensor read(const Safetensors& file, const std::string& name) {
  const TensorView* view = file.find(name);
  REQUIRE_MESSAGE(view != nullptr, name);
  const auto type = view->dtype == Dtype::kI64   ? at::kLong
                    : view->dtype == Dtype::kF64 ? at::kDouble
                                                 : at::kFloat;
  at::Tensor tensor = at::empty(view->shape, type);
  std::memcpy(tensor.data_ptr(), view->bytes.data(), view->bytes.size());
  return tensor;
}

double distance(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

struct Case {
  std::filesystem::path dir, adapter_dir;
  std::unique_ptr<CausalLm> model;
  PeftAdapter adapter;
  TokenBatch batch;
  at::Tensor labels;

  Case(const std::filesystem::path& checkpoint, const std::string& adapter_name)
      : dir(checkpoint),
        adapter_dir(dir / adapter_name),
        model(load_causal_lm(dir)),
        adapter(read_peft_directory(adapter_dir)) {
    const Safetensors inputs = Safetensors::open(dir / "expected.safetensors");
    batch.ids = read(inputs, "input_ids");
    labels = read(inputs, "labels");
  }
  at::Tensor logits() const { return model->head(model->hidden(batch).flatten(0, 1)); }
};

void check_against(const Case& c, const Safetensors& expected, const AdapterAttachment& attached) {
  const at::Tensor want = read(expected, "logits").flatten(0, 1);
  CHECK(distance(c.logits(), want) <= 1e-4);
  const LossSum loss = supervised_loss(*c.model, c.batch, c.labels);
  const at::Tensor mean = loss.sum / static_cast<double>(loss.positions);
  CHECK(mean.item<double>() == doctest::Approx(read(expected, "loss").item<double>()).epsilon(1e-5));
  mean.backward();
  const auto& entries = c.adapter.tensors.layout()->entries();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    CAPTURE(entries[i].name);
    const at::Tensor grad = read(expected, "grad." + entries[i].name);
    CHECK(distance(attached.tensors()[i].grad(), grad) <=
          2e-5 * std::max(grad.abs().max().item<double>(), 1e-3));
  }
}

void check_merged(const Case& c, const Safetensors& expected) {
  merge_adapter(*c.model, c.adapter.tensors, c.adapter.config);
  CHECK(distance(c.logits(), read(expected, "logits").flatten(0, 1)) <= 1e-4);
  int compared = 0;
  for (const auto& [name, weight] : c.model->parameters())
    if (expected.find("merged." + name) != nullptr) {
      CHECK(distance(weight, read(expected, "merged." + name)) <= 1e-6);
      ++compared;
    }
  CHECK(compared == 1);
}

}  // namespace

TEST_CASE("golden adapters: logits, loss, gradients and merged weights") {
  FENNEC_NEEDS_SHARED("golden");
  for (const auto& dir : test::golden_checkpoints())
    for (const char* name : kAdapters) {
      if (!std::filesystem::exists(dir / name)) continue;
      CAPTURE((dir.filename() / name).string());
      Case c(dir, name);
      const Safetensors expected = Safetensors::open(c.adapter_dir / "expected.safetensors");
      {
        const AdapterAttachment attached(*c.model, c.adapter.tensors, c.adapter.config, true);
        check_against(c, expected, attached);
      }
      check_merged(c, expected);
    }
}

TEST_CASE("golden adapters: five steps of AdamW") {
  FENNEC_NEEDS_SHARED("golden");
  for (const auto& dir : test::golden_checkpoints())
    for (const char* name : kAdapters) {
      if (!std::filesystem::exists(dir / name / "expected_adamw5.safetensors")) continue;
      CAPTURE((dir.filename() / name).string());
      Case c(dir, name);
      const auto losses =
          nlohmann::json::parse(read_text_file(c.dir / "expected.json"))[name]["adamw5_losses"];
      const AdapterAttachment attached(*c.model, c.adapter.tensors, c.adapter.config, true);
      AdamWOptions options;
      options.weight_decay = 0.01;
      AdamW optimizer(attached.tensors(), options);
      for (std::size_t step = 0; step < 6; ++step) {
        optimizer.zero_grad();
        const LossSum loss = supervised_loss(*c.model, c.batch, c.labels);
        const at::Tensor mean = loss.sum / static_cast<double>(loss.positions);
        CHECK(mean.item<double>() == doctest::Approx(losses[step].get<double>()).epsilon(1e-5));
        if (step == 5) break;
        mean.backward();
        optimizer.step(1e-2);
      }
      const Safetensors expected = Safetensors::open(c.adapter_dir / "expected_adamw5.safetensors");
      for (const ParameterEntry& entry : c.adapter.tensors.layout()->entries()) {
        CAPTURE(entry.name);
        const at::Tensor want = read(expected, entry.name);
        const auto got = std::as_const(c.adapter.tensors).values(entry);
        double worst = 0;
        for (std::size_t i = 0; i < got.size(); ++i)
          worst = std::max(worst, std::abs(static_cast<double>(got[i]) -
                                           static_cast<double>(want.data_ptr<float>()[i])));
        CHECK(worst <= 1e-4);
      }
    }
}
