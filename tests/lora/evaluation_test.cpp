#include "lora/evaluation.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/rng.h"
#include "lora/label_candidates.h"
#include "lora/trainer.h"
#include "model/bpe_trainer.h"
#include "model/llama.h"
#include "tests/support/doctest_torch.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace fennec;

const std::vector<LabelSlot> kRig = {{"valve", "valve ", {"100", "90", "close", "closed"}},
                                     {"pump", "pump ", {"none", "weak", "severe"}},
                                     {"cooler", "cooler ", {"3", "20", "100"}}};

std::string random_prompt(RandomStream& draw) {
  std::string prompt = "rig";
  for (std::uint64_t i = 0, n = draw.below(12); i < n; ++i)
    prompt += " " + std::to_string(draw.below(300));
  return prompt + "\nstate:";
}

std::vector<Example> random_examples(std::uint64_t seed, std::size_t count) {
  RandomStream draw{Seed(seed)};
  std::vector<Example> examples;
  for (std::size_t i = 0; i < count; ++i) {
    Example e{"d", random_prompt(draw), "", "", TaskKind::kText, {}};
    const auto pick = [&](const std::vector<std::string>& labels) {
      return labels[draw.below(labels.size())];
    };
    switch (draw.below(4)) {
      case 0:
        e.task = "rig", e.kind = TaskKind::kLabel, e.slots = kRig;
        for (const auto& slot : kRig)
          e.completion += (e.completion.empty() ? " " : ", ") + slot.prefix + pick(slot.labels);
        break;
      case 1:
        e.task = "activity", e.kind = TaskKind::kLabel;
        e.completion = " " + pick({"walk", "walking", "sit", "turn left"});
        break;
      case 2:
        e.task = "load", e.kind = TaskKind::kForecast;
        e.completion = " " + std::to_string(draw.below(500));
        break;
      default:
        e.task = "log", e.completion = " valve walking " + std::to_string(draw.below(99));
    }
    examples.push_back(e);
  }
  return examples;
}

struct World {
  fennec::test::TempDir dir;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<CausalLm> model;

  World() {
    BpeTrainer trainer(BpeTrainerConfig{300, 2, {"<|endoftext|>", "<|pad|>"}});
    for (const auto& e : random_examples(7, 200)) trainer.add(e.prompt + e.completion);
    LlamaConfig config;
    config.vocab_size = static_cast<std::int64_t>(trainer.write(dir.path()));
    config.hidden_size = 16;
    config.intermediate_size = 24;
    config.num_layers = 2;
    config.num_heads = 4;
    config.num_kv_heads = 2;
    config.head_dim = 4;
    tokenizer = std::make_unique<Tokenizer>(Tokenizer::load(dir.path()));
    model = new_llama(config, Seed(3));
    for (const auto& [name, weight] :
         model->parameters())  // sharper than an untrained model: scores lie apart
      if (weight.dim() == 2) weight.mul_(12);
  }
};

/// Σ log p of ids[from…], one whole forward pass.
double log_likelihood(const CausalLm& model, const TokenIds& ids, std::size_t from) {
  const std::vector<std::int64_t> wide(ids.begin(), ids.end());
  const TokenBatch batch{at::tensor(wide).unsqueeze(0), {}, {}};
  const at::Tensor log_p =
      at::log_softmax(model.head(model.hidden(batch).squeeze(0)).to(at::kDouble), -1);
  double sum = 0;
  for (std::size_t i = from; i < ids.size(); ++i)
    sum += log_p[static_cast<std::int64_t>(i) - 1][wide[i]].item<double>();
  return sum;
}

std::string slow_label(const World& w, const Example& e, const LabelSlot& slot, std::string& answer,
                       bool last) {
  const auto prompt = w.tokenizer->encode(e.prompt);
  std::string best;
  double best_score = -INFINITY;
  for (const auto& label : slot.labels) {
    TokenIds ids = prompt;
    const auto more = completion_ids(*w.tokenizer, e.prompt,
                                     answer + " " + slot.prefix + label + (last ? "" : ","), last);
    ids.insert(ids.end(), more.begin(), more.end());
    const double score = log_likelihood(*w.model, ids, prompt.size());
    if (score > best_score) best = label, best_score = score;
  }
  answer += " " + slot.prefix + best + ",";
  return best;
}

std::optional<double> slow_number(const World& w, const Example& e, std::size_t max_tokens) {
  TokenIds ids = w.tokenizer->encode(e.prompt), answer;
  while (answer.size() < max_tokens) {
    const std::vector<std::int64_t> wide(ids.begin(), ids.end());
    const at::Tensor h = w.model->hidden({at::tensor(wide).unsqueeze(0), {}, {}}).squeeze(0);
    const auto next = static_cast<TokenId>(
        w.model->head(h.narrow(0, h.size(0) - 1, 1)).argmax().item<std::int64_t>());
    if (next == w.tokenizer->eos().front()) break;
    ids.push_back(next);
    answer.push_back(next);
  }
  const std::string text = w.tokenizer->decode(answer);
  return parse_number(text.substr(0, text.find('\n')));
}

/// One example, one candidate, one token at a time.
EvaluationTally slow_evaluate(const World& w, const std::vector<Example>& examples) {
  const at::NoGradGuard no_grad;
  const LabelSlots slots(examples);
  EvaluationTally tally;
  for (const Example& e : examples) {
    const auto t = tokenize_example(*w.tokenizer, e, 512);
    tally.add_loss(e.task, -log_likelihood(*w.model, t.ids, t.prompt_tokens),
                   static_cast<double>(t.ids.size() - t.prompt_tokens));
    if (e.kind == TaskKind::kForecast)
      tally.add_forecast(e.task, *parse_number(e.completion), slow_number(w, e, 12));
    if (e.kind != TaskKind::kLabel) continue;
    const auto& of = slots.of(e);
    const auto gold = gold_labels(e.completion, of);
    std::string answer;
    for (std::size_t s = 0; s < of.size(); ++s)
      tally.add_label(e.task, of[s].name, gold[s], slow_label(w, e, of[s], answer, s + 1 == of.size()));
  }
  return tally;
}

}  // namespace

TEST_CASE("evaluation: equals one forward pass a candidate") {
  const World world;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    const auto examples = random_examples(seed, 40);
    EvaluateOptions options;
    options.batch_tokens = seed == 1 ? 1 : seed == 2 ? 400 : 4096;
    std::size_t done = 0;
    options.on_progress = [&](std::size_t now, std::size_t total) {
      done = now;
      CHECK(total == examples.size());
    };
    const auto fast = evaluate(*world.model, *world.tokenizer, examples, options).to_sums();
    const auto slow = slow_evaluate(world, examples).to_sums();
    CHECK(done == examples.size());
    REQUIRE(fast.size() == slow.size());
    for (std::size_t i = 0; i < fast.size(); ++i) {
      CHECK(fast[i].first == slow[i].first);
      CHECK(fast[i].second == doctest::Approx(slow[i].second).epsilon(1e-5));
    }
  }
}

TEST_CASE("evaluation: a stop request ends it between batches, nothing is made up") {
  const World world;
  std::stop_source source;
  EvaluateOptions options;
  options.batch_tokens = 1;
  options.stop = source.get_token();
  options.on_progress = [&](std::size_t done, std::size_t) {
    if (done == 3) source.request_stop();
  };
  double examples = 0;
  std::size_t last = 0;
  const auto progress = options.on_progress;
  options.on_progress = [&](std::size_t done, std::size_t total) {
    last = done, progress(done, total);
  };
  const auto tally = evaluate(*world.model, *world.tokenizer, random_examples(1, 20), options);
  for (const auto& [key, value] : tally.to_sums())
    if (key.starts_with("forecast/") && !key.ends_with("/error")) examples += value;
  CHECK(last == 3);
  CHECK(examples <= 3);
  CHECK(evaluate(*world.model, *world.tokenizer, {}, {}).metrics().empty());
}

TEST_CASE("evaluation: gold labels are read slot by slot, the longest that fits") {
  CHECK(gold_labels(" valve closed, pump weak, cooler 100", kRig) ==
        std::vector<std::string>{"closed", "weak", "100"});
  CHECK(gold_labels(" valve close, pump weak, cooler 3", kRig) ==
        std::vector<std::string>{"close", "weak", "3"});
  CHECK(gold_labels(" valve ajar, pump weak, cooler 3", kRig) ==
        std::vector<std::string>{"valve ajar", "weak", "3"});
  CHECK(gold_labels(" a, b", {LabelSlot{"", "", {"a", "a, b"}}}) == std::vector<std::string>{"a, b"});
}

TEST_CASE("evaluation: only a whole plain number is a forecast") {
  CHECK(parse_number(" 2314") == 2314);
  CHECK(parse_number("-12.5 ") == -12.5);
  CHECK(parse_number("0") == 0);
  for (const char* text : {"", " ", "-", "12.", "1e5", "inf", "nan", "12 W", "1 2", "+3", "--1", "1-2",
                           "0x10", "1.2.3", "\t1"})
    CHECK_FALSE(parse_number(text).has_value());
}
