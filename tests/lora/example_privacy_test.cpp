// Gradients of single examples: each by itself, and none of another's.
#include "lora/example_privacy.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <ATen/ATen.h>

#include "lora/adapter_attachment.h"
#include "tests/lora/tiny_llama.h"
#include "tests/support/temp_dir.h"

// After LibTorch, whose glog has a CHECK of its own.
#include <doctest/doctest.h>

using namespace fennec;  // NOLINT: test

namespace {

/// Keeps what it is given; releases the sum, or what it is told to.
class Recorder final : public ExamplePrivacy {
 public:
  std::function<std::vector<std::size_t>(std::int64_t)> chosen = [](std::int64_t) {
    return std::vector<std::size_t>{0, 2, 5};
  };
  std::int64_t steps = 4;
  std::vector<std::vector<float>> gradients;
  std::vector<float> released;
  double noise = 0;

  std::int64_t total_steps() const override { return steps; }
  std::vector<std::size_t> begin(std::int64_t step, std::size_t values) override {
    released.assign(values, 0);
    step_ = step;
    return chosen(step);
  }
  Result<void> add(std::span<float> gradient) override {
    gradients.emplace_back(gradient.begin(), gradient.end());
    for (std::size_t i = 0; i < gradient.size(); ++i) released[i] += gradient[i];
    return {};
  }
  void release(std::span<float> gradient) override {
    std::vector<float> drawn(gradient.size());
    fill_normal(Seed(77).child("noise", static_cast<std::uint64_t>(step_)), drawn,
                static_cast<float>(noise));
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = released[i] + drawn[i];
  }

 private:
  std::int64_t step_ = 0;
};

std::vector<TokenizedExample> examples_of(const std::vector<std::size_t>& lengths) {
  std::vector<TokenizedExample> examples;
  for (const std::size_t length : lengths) {
    RandomStream stream{Seed(length)};
    TokenizedExample example;
    example.ids.resize(length);
    for (TokenId& id : example.ids) id = static_cast<TokenId>(stream.below(40));
    example.prompt_tokens = length / 3;
    examples.push_back(std::move(example));
  }
  return examples;
}

double norm_of(const std::vector<float>& x) {
  double squares = 0;
  for (const float value : x) squares += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(squares);
}

/// The gradient of one packed batch, all examples in one row: another way through the model.
std::vector<double> packed_gradient(const CausalLm& model, const AdapterAttachment& attachment,
                                    const std::vector<TokenizedExample>& examples,
                                    const std::vector<double>& weights) {
  std::vector<double> sum;
  // A row of all examples; each example's mean loss apart, by its labels.
  PackedRow row;
  for (std::size_t i = 0; i < examples.size(); ++i) row.push_back(i);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    TrainBatch batch = make_batch(examples, {row});
    at::Tensor mine = batch.tokens.segments.eq(static_cast<std::int64_t>(i));
    batch.labels = at::where(mine, batch.labels, at::full_like(batch.labels, -100));
    for (const at::Tensor& tensor : attachment.tensors())
      if (tensor.grad().defined()) tensor.grad().zero_();
    const LossSum loss = supervised_loss(model, batch.tokens, batch.labels);
    if (loss.positions == 0) continue;
    (loss.sum / static_cast<double>(loss.positions)).backward();
    std::size_t at = 0;
    for (const at::Tensor& tensor : attachment.tensors()) {
      const float* grad = tensor.grad().data_ptr<float>();
      if (sum.size() < at + static_cast<std::size_t>(tensor.numel()))
        sum.resize(at + static_cast<std::size_t>(tensor.numel()));
      for (std::int64_t k = 0; k < tensor.numel(); ++k)
        sum[at++] += weights[i] * static_cast<double>(grad[k]);
    }
  }
  return sum;
}

}  // namespace

TEST_CASE("example gradients: those of examples by themselves, short and long ones side by side") {
  const auto model = test::tiny_llama();
  ParameterSet adapter = test::random_adapter(*model, 4, 3);
  const AdapterAttachment attachment(*model, adapter, attached_config({4, 8, false, {"all-linear"}}),
                                     true);
  const auto examples = examples_of({2, 7, 64, 4, 9});
  Recorder recorder;
  recorder.chosen = [](std::int64_t) { return std::vector<std::size_t>{0, 1, 2, 3, 4}; };
  const std::size_t values = trained_values(attachment.tensors());
  CHECK(values == adapter.size());
  const TrainBatch batch = private_batch(examples, recorder.begin(0, values));
  CHECK(batch.labels.size(0) == 5);
  const StepLoss loss = private_gradient(*model, attachment.tensors(), batch, recorder);
  CHECK(loss.positions > 0);
  REQUIRE(recorder.gradients.size() == 5);
  std::vector<float> released;
  for (const at::Tensor& tensor : attachment.tensors()) {
    const float* grad = tensor.grad().data_ptr<float>();
    released.insert(released.end(), grad, grad + tensor.numel());
  }
  for (std::size_t i = 0; i < 5; ++i) {
    CAPTURE(i);
    std::vector<double> one(5, 0.0);
    one[i] = 1;
    const std::vector<double> expected = packed_gradient(*model, attachment, examples, one);
    double difference = 0, norm = 0;
    for (std::size_t k = 0; k < values; ++k) {
      difference += std::pow(expected[k] - static_cast<double>(recorder.gradients[i][k]), 2);
      norm += expected[k] * expected[k];
    }
    CHECK(std::sqrt(difference) < 1e-5 * std::sqrt(norm));
    CHECK(norm_of(recorder.gradients[i]) == doctest::Approx(std::sqrt(norm)).epsilon(1e-5));
  }
  for (std::size_t k = 0; k < values; ++k) CHECK(released[k] == recorder.released[k]);
}

TEST_CASE("example gradients: with nobody in the step the noise is what is left") {
  const auto model = test::tiny_llama();
  ParameterSet adapter = test::random_adapter(*model, 4, 3);
  const AdapterAttachment attachment(*model, adapter, attached_config({4, 8, false, {"all-linear"}}),
                                     true);
  Recorder recorder;
  recorder.noise = 1;
  recorder.begin(0, adapter.size());
  const StepLoss loss =
      private_gradient(*model, attachment.tensors(), private_batch(examples_of({5}), {}), recorder);
  CHECK(loss.positions == 0);
  CHECK(loss.mean == 0);
  double squares = 0;
  for (const at::Tensor& tensor : attachment.tensors())
    squares += tensor.grad().pow(2).sum().item<double>();
  CHECK(squares / static_cast<double>(adapter.size()) == doctest::Approx(1).epsilon(0.1));
}

TEST_CASE("private training: as many steps as privacy says, resumed with the same bytes") {
  const auto model = test::tiny_llama();
  const LoraConfig lora{4, 8, false, {"all-linear"}};
  TrainConfig train;
  train.learning_rate = 1e-2;
  train.local_steps = 2;  // the host says four
  train.checkpoint_steps = 1;
  const auto examples = test::random_examples(6, 10, 7);
  const ParameterSet start = initial_lora(test::layout_for(*model, 4), Seed(5));
  const auto recorder = [] {
    Recorder made;
    made.noise = 0.01;
    made.chosen = [](std::int64_t step) {
      return step == 1 ? std::vector<std::size_t>{} : std::vector<std::size_t>{0, 3};
    };
    return made;
  };
  ParameterSet whole = start.clone();
  Recorder privacy = recorder();
  TrainHooks hooks;
  hooks.privacy = &privacy;
  const auto report = Trainer(*model, lora, train).train(whole, examples, Seed(9), hooks);
  REQUIRE(report);
  CHECK(report->steps == 4);
  CHECK(report->num_examples == 3 * 2);
  CHECK_FALSE(std::ranges::equal(whole.bytes(), start.bytes()));
  for (std::int64_t stop_after = 1; stop_after < 4; ++stop_after) {
    const test::TempDir dir;
    Recorder first = recorder(), second = recorder();
    std::stop_source stop;
    TrainHooks interrupted;
    interrupted.privacy = &first;
    interrupted.checkpoint = dir / "train.safetensors";
    interrupted.stop = stop.get_token();
    interrupted.on_step = [&](std::int64_t step, std::int64_t, double) {
      if (step == stop_after) stop.request_stop();
    };
    ParameterSet adapter = start.clone();
    CHECK_FALSE(Trainer(*model, lora, train).train(adapter, examples, Seed(9), interrupted));
    TrainHooks resumed;
    resumed.privacy = &second;
    resumed.checkpoint = interrupted.checkpoint;
    adapter = start.clone();
    REQUIRE(Trainer(*model, lora, train).train(adapter, examples, Seed(9), resumed));
    CHECK(std::ranges::equal(adapter.bytes(), whole.bytes()));
  }
}
