#include "tests/support/doctest_torch.h"

#include <algorithm>
#include <cmath>

#include "lora/packing.h"
#include "lora/trainer.h"
#include "tests/lora/adapter_case.h"

using namespace fennec;
using namespace fennec::test;

namespace {

struct SgdCase : AdapterCase {
  TrainConfig train;
  std::vector<TokenizedExample> examples = random_examples(10, 10, 7);

  explicit SgdCase(const std::string& method = "lora") : AdapterCase(method) {
    train.optimizer = "sgd";
    train.learning_rate = 0.3;
    train.clip_norm = 0;
    train.local_steps = 4;
    train.batch_tokens = 64;
    train.max_sequence_tokens = 24;
    train.checkpoint_steps = 1;
  }
  Result<TrainReport> run(ParameterSet& adapter, const TrainHooks& hooks = {}) {
    return Trainer(*model, lora, train, frozen).train(adapter, examples, Seed(9), hooks);
  }
  ParameterSet drawn(std::uint64_t seed) const {
    ParameterSet out(plan.layout);
    fill_normal(Seed(seed), out.values(), 0.01F);
    return out;
  }

  /// w ← w − η·rate·min(1, clip/‖g‖)·g + correction, with the gradients that LibTorch gives.
  void by_hand(ParameterSet& adapter, const ParameterSet* correction) {
    BatchSchedule schedule(examples, train, Seed(9));
    for (std::int64_t step = 0; step < train.local_steps; ++step) {
      const TrainBatch batch = schedule.at(step);
      std::vector<at::Tensor> gradients;
      {
        const AdapterAttachment attached(*model, adapter, plan.config, true, frozen);
        const LossSum loss = supervised_loss(*model, batch.tokens, batch.labels);
        (loss.sum / static_cast<double>(loss.positions)).backward();
        for (const at::Tensor& tensor : attached.tensors()) gradients.push_back(tensor.grad().clone());
      }
      double squares = 0;
      for (const at::Tensor& g : gradients) squares += g.to(at::kDouble).pow(2).sum().item<double>();
      const double scale =
          train.clip_norm > 0 ? std::min(1.0, train.clip_norm / (std::sqrt(squares) + 1e-6)) : 1.0;
      for (std::size_t i = 0; i < gradients.size(); ++i) {
        const ParameterEntry& entry = plan.layout->entries()[i];
        const bool is_b = entry.name.ends_with(".lora_B.weight");
        const double rate = train.learning_rate * (lora.method == "lora_plus" && is_b ? 4 : 1);
        for (std::size_t j = 0; j < entry.size; ++j) {
          float& w = adapter.values(entry)[j];
          const auto g = static_cast<double>(gradients[i].data_ptr<float>()[j]);
          w = static_cast<float>(static_cast<double>(w) - rate * scale * g);
          if (correction != nullptr) w += correction->values(entry)[j];
        }
      }
    }
  }
};

double largest_difference(const ParameterSet& a, const ParameterSet& b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst,
                     std::abs(static_cast<double>(a.values()[i]) - static_cast<double>(b.values()[i])));
  return worst;
}

bool same(const ParameterSet& a, const ParameterSet& b) {
  return std::ranges::equal(a.bytes(), b.bytes());
}

}  // namespace

TEST_CASE("sgd: steps against the gradient, clipped, at the method's rates") {
  for (const char* method : {"lora", "lora_plus", "ia3"})
    for (const double clip : {0.0, 0.2}) {
      CAPTURE(std::string(method));
      CAPTURE(clip);
      SgdCase c(method);
      c.train.clip_norm = clip;
      ParameterSet trained = c.moved(3), expected = trained.clone();
      const auto report = c.run(trained);
      REQUIRE(report);
      CHECK(report->steps == 4);
      c.by_hand(expected, nullptr);
      CHECK(largest_difference(trained, expected) < 1e-6);
      CHECK_FALSE(same(trained, c.moved(3)));
    }
}

TEST_CASE("sgd: a drift correction is added at each step, whatever is clipped") {
  SgdCase c;
  c.train.clip_norm = 0.2;
  const ParameterSet correction = c.drawn(4);
  TrainHooks hooks;
  hooks.correction = &correction;
  ParameterSet trained = c.moved(3), expected = trained.clone(), plain = trained.clone();
  REQUIRE(c.run(trained, hooks));
  c.by_hand(expected, &correction);
  CHECK(largest_difference(trained, expected) < 1e-6);
  REQUIRE(c.run(plain));
  CHECK(largest_difference(trained, plain) > 1e-3);
}

TEST_CASE(
    "sgd: stopped and gone on with it makes the same bytes; with another correction it starts anew") {
  SgdCase c;
  const ParameterSet correction = c.drawn(4), other = c.drawn(5);
  TrainHooks hooks;
  hooks.correction = &correction;
  ParameterSet whole = c.moved(3);
  REQUIRE(c.run(whole, hooks));
  for (const ParameterSet* then : {&correction, &other}) {
    const TempDir dir;
    std::stop_source stop;
    TrainHooks stops = hooks;
    stops.checkpoint = dir / "checkpoint";
    stops.stop = stop.get_token();
    stops.on_step = [&](std::int64_t step, std::int64_t, double) {
      if (step == 2) stop.request_stop();
    };
    ParameterSet adapter = c.moved(3);
    REQUIRE_FALSE(c.run(adapter, stops));
    std::int64_t more = 0;
    TrainHooks resume;
    resume.correction = then;
    resume.checkpoint = stops.checkpoint;
    resume.on_step = [&more](std::int64_t, std::int64_t, double) { ++more; };
    adapter = c.moved(3);
    REQUIRE(c.run(adapter, resume));
    const bool is_the_same = then == &correction;
    CHECK(more == (is_the_same ? 2 : 4));
    CHECK(same(adapter, whole) == is_the_same);
  }
}
