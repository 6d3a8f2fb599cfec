#include "configs/experiment.h"

#include <doctest/doctest.h>

#include <fstream>

#include "core/error.h"
#include "core/peft_method.h"
#include "tests/support/temp_dir.h"

using namespace fennec;

namespace {

std::string refusal(const std::string& yaml) {
  try {
    parse_experiment(yaml, "x.yaml");
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("the defaults are a valid experiment") { CHECK(validate(Experiment{}).empty()); }

TEST_CASE("canonical text is a fixed point") {
  const Experiment e = parse_experiment(
      "name: 'a: b'\nseed: 12\ntrain: {learning_rate: 0.1}\nsimulation:\n  profiles:\n    - name: x\n  "
      "    weight: 0.3\n"
      "    - name: y\n",
      "x.yaml");
  const std::string text = to_yaml(e);
  CAPTURE(text);
  CHECK(to_yaml(parse_experiment(text, "canonical")) == text);
  CHECK(text.find("learning_rate: 0.1\n") != std::string::npos);
  CHECK(text.find("epsilon: 1e-08\n") != std::string::npos);
  CHECK(text.find("    - name: x\n      weight: 0.3\n") != std::string::npos);
}

TEST_CASE("the hash names the content, not the spelling") {
  const auto hash = [](const std::string& yaml) {
    return experiment_hash(parse_experiment(yaml, "x"));
  };
  CHECK(hash("seed: 1\nname: a\n") == hash("# comment\nname: \"a\"\nseed:   1\n"));
  CHECK(hash("seed: 1") != hash("seed: 2"));
  CHECK(hash("").size() == 64);
}

TEST_CASE("ranges and cross-rules are reported with the line of the key") {
  CHECK(refusal("lora:\n  rank: 0\n") == "x.yaml:2: lora.rank must be between 1 and 4096, is 0");
  CHECK(refusal("rounds:\n  cohort_size: 2\n  min_updates: 3\n") ==
        "x.yaml:3: rounds.min_updates must not exceed rounds.cohort_size (2), is 3");
  CHECK(refusal("data:\n  prepared: d\n  world: [home]\n") ==
        "x.yaml:2: data.prepared and data.world exclude each other; give one");
  CHECK(refusal("data:\n  world: [garage]\n") ==
        "x.yaml:2: data.world: unknown kind 'garage'; known: home, wearable, pump");
  CHECK(refusal("rounds:\n  selection:\n    method: oorrt\n") ==
        "x.yaml:3: rounds.selection.method: unknown selection 'oorrt'; did you mean 'oort'?; known: "
        "uniform, powerofchoice, oort");
  CHECK(refusal("model: {base_precision: int5}") ==
        "x.yaml:1: model.base_precision must be one of fp32, int8, int4, nf4; is 'int5'");
  CHECK(refusal("train: {local_steps: 0}").find("train.local_steps must be at least 1") !=
        std::string::npos);
  CHECK(refusal("rounds:\n  cohort_size: 9\nsimulation:\n  devices: 8\n")
            .find("x.yaml:2: rounds.cohort_size") == 0);
  CHECK(refusal("simulation:\n  profiles:\n    - name: a\n    - name: a\n").find("'a' is used twice") !=
        std::string::npos);
  CHECK(refusal("transport: {heartbeat_s: 30, peer_timeout_s: 20}")
            .find("transport.peer_timeout_s must exceed") != std::string::npos);
}

TEST_CASE("aggregation: what cannot be is refused by name, with the reason") {
  const auto says = [](const std::string& yaml, const std::string& part) {
    const std::string text = refusal(yaml);
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  };
  says("aggregation:\n  strategy: fedvg\n",
       "x.yaml:2: aggregation.strategy: unknown strategy 'fedvg'; did you mean 'fedavg'?");
  says("aggregation: {strategy: fedex}", "fedex cannot run live: each device would have to carry");
  says("aggregation: {strategy: flexlora, robust: median}",
       "the strategy is one of fedavg, ffa, rolora");
  says("aggregation: {strategy: fedbuff}",
       "rounds.buffer_size must say how many updates fedbuff folds at a time, is 0");
  says("rounds: {buffer_size: 2}",
       "rounds.buffer_size is for aggregation.strategy fedbuff, which is fedavg");
  says("aggregation: {strategy: fedbuff}\nrounds: {buffer_size: 5, cohort_size: 4}",
       "rounds.buffer_size must not exceed rounds.cohort_size (4), is 5");
  says("aggregation: {strategy: fedbuff}\nrounds: {buffer_size: 2, selection: {method: oort}}",
       "rounds.selection chooses cohorts, of which fedbuff has none");
  const std::string scaffold = "aggregation: {strategy: scaffold, rule: {population: 9}";
  says(scaffold + "}",
       "train.optimizer must be sgd with aggregation.strategy scaffold, which corrects "
       "gradient steps, is adamw");
  const std::string sgd = "train: {optimizer: sgd}\n" + scaffold;
  CHECK(parse_experiment(sgd + ", codec: int8+zstd}", "x.yaml").aggregation.rule.population == 9);
  says("train: {optimizer: sgd}\naggregation: {strategy: scaffold}",
       "aggregation.rule.population must say how many devices take part in all, at least "
       "rounds.cohort_size (4)");
  says(sgd + ", codec: topk+int8}", "aggregation.codec 'topk+int8' cannot go with");
  says(sgd + ", robust: median}", "would take the place of a mean, and scaffold is none");
  says(sgd + "}\nrounds: {buffer_size: 2}", "rounds.buffer_size is for aggregation.strategy fedbuff");
  says(sgd + "}\nprivacy: {dp: {mechanism: local, noise_multiplier: 1}}",
       "aggregation.strategy 'scaffold' weighs by losses or steps");
  says(sgd + "}\nprivacy: {dp: {mechanism: central, noise_multiplier: 1}}",
       "aggregation.strategy 'scaffold' is not a plain mean");
  says(sgd + "}\nprivacy: {secagg: {mode: honest}}",
       "aggregation.strategy 'scaffold' weighs by what devices tell of themselves");
  says(sgd + ", downlink: int8}", "aggregation.downlink cannot go with aggregation.strategy scaffold");
  says("aggregation: {rule: {absorb_every: 4}}",
       "aggregation.rule.absorb_every goes with aggregation.strategy rolora, which is fedavg");
  says("aggregation: {strategy: rolora, rule: {absorb_every: 3}}",
       "absorb_every must be an even number");
  says("aggregation: {strategy: rolora, rule: {absorb_rank: 3}}", "absorb_rank is of no use");
  says("aggregation: {strategy: rolora, rule: {absorb_every: 4}}\nlora: {method: dora}",
       "aggregation.rule.absorb_every needs an adapter of pairs of one rank");
  says("aggregation: {downlink: topk+int8}", "aggregation.downlink 'topk+int8' leaves out");
  says("aggregation: {downlink: int9}", "aggregation.downlink: unknown codec stage 'int9'");
  CHECK(parse_experiment("aggregation: {downlink: bf16+zstd}", "x.yaml").aggregation.downlink ==
        "bf16+zstd");
  says("aggregation: {robust: fedavg}", "aggregation.robust: unknown rule 'fedavg'; known: median");
  says("aggregation: {robust: krum, rule: {byzantine: 1}}\nrounds: {cohort_size: 4}",
       "rounds.cohort_size must be at least 5 for krum with aggregation.rule.byzantine 1, is 4");
  says("aggregation: {robust: krum, rule: {byzantine: 1}}\nrounds: {cohort_size: 6}",
       "rounds.min_updates must be at least 5 for krum");
  says("aggregation: {server_optimizer: fedadam}",
       "aggregation.server_lr must be at most 0.1 with fedadam");
  says("aggregation: {rule: {trim: 0.5}}",
       "aggregation.rule.trim must be at least 0 and less than 0.5");
  says("aggregation: {codec: int8+topk}", "aggregation.codec: 'topk' cannot follow 'int8'");
  says("train: {proximal_mu: -1}", "train.proximal_mu must be at least 0");
  CHECK(
      refusal("aggregation: {strategy: rolora, robust: trimmedmean, codec: \"topk(0.1)+int8+zstd\"}") ==
      "accepted");
  CHECK(refusal("aggregation: {strategy: multikrum}\nrounds: {cohort_size: 4, min_updates: 3}") ==
        "accepted");
}

TEST_CASE("all problems come at once") {
  const std::string all = refusal("lora:\n  rank: 0\n  alpha: -1\nrounds:\n  total: 0\n");
  CHECK(all.find("x.yaml:2: lora.rank") != std::string::npos);
  CHECK(all.find("x.yaml:3: lora.alpha") != std::string::npos);
  CHECK(all.find("x.yaml:5: rounds.total") != std::string::npos);
  const std::string read = refusal("lora:\n  rank: x\nfoo: 1\naggregation:\n  strateggy: fedavg\n");
  CHECK(read.find("x.yaml:2: lora.rank must be an integer") != std::string::npos);
  CHECK(read.find("x.yaml:3: unknown key 'foo'") != std::string::npos);
  CHECK(read.find("x.yaml:5: unknown key 'aggregation.strateggy'; did you mean 'strategy'?") !=
        std::string::npos);
}

TEST_CASE("a missing file is named") { CHECK_THROWS_AS(load_experiment("/nowhere/x.yaml"), IoError); }

TEST_CASE("the key reference covers every canonical key") {
  const auto rows = experiment_keys();
  CHECK(rows.size() > 40);
  for (const FieldDoc& row : rows) {
    CAPTURE(row.key);
    CHECK_FALSE(row.doc.empty());
  }
}

TEST_CASE("every recipe loads, prints canonically and says how to run it") {
  int seen = 0;
  const std::filesystem::path root = std::filesystem::path(FENNEC_SOURCE) / "configs" / "recipes";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".yaml") continue;
    CAPTURE(entry.path().string());
    ++seen;
    const Experiment e = load_experiment(entry.path());
    CHECK(to_yaml(parse_experiment(to_yaml(e), "canonical")) == to_yaml(e));
    std::ifstream file(entry.path());
    std::string first;
    std::getline(file, first);
    const std::string relative = std::filesystem::relative(entry.path(), FENNEC_SOURCE).string();
    CHECK(first.starts_with("# fennec-"));
    CHECK(first.find(relative) != std::string::npos);
  }
  CHECK(seen >= 5);
}

TEST_CASE("a command line's overrides replace what the file says, and are named in errors") {
  test::TempDir dir;
  std::ofstream(dir / "x.yaml") << "rounds:\n  total: 3\n  cohort_size: 2\n";
  const Experiment e =
      load_experiment(dir / "x.yaml", {"rounds.total=9", "lora.target_modules=[q_proj]", "name=a"});
  CHECK(e.rounds.total == 9);
  CHECK(e.rounds.cohort_size == 2);
  CHECK(e.lora.target_modules == std::vector<std::string>{"q_proj"});
  CHECK(e.name == "a");
  const auto refused = [&](const std::string& assignment) -> std::string {
    try {
      load_experiment(dir / "x.yaml", {assignment});
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "accepted";
  };
  CHECK(refused("rounds.totl=1") ==
        "--set rounds.totl=1: unknown key 'rounds.totl'; did you mean 'total'?");
  CHECK(refused("rounds.total=x") == "--set rounds.total=x: rounds.total must be an integer, is 'x'");
  CHECK(refused("rounds.total=0").find("--set rounds.total=0: rounds.total must be at least 1") == 0);
  CHECK(refused("rounds.total") == "--set rounds.total: expected key=value, as in rounds.total=3");
  CHECK(refused("rounds.total.x=1").find("no section") != std::string::npos);
}

TEST_CASE("adapter and training keys say what is wrong with them, and where") {
  CHECK(refusal("lora:\n  method: dorra\n") ==
        "x.yaml:2: lora.method: unknown method 'dorra'; known: lora, lora_plus, dora, ia3, ffa_lora");
  CHECK(refusal("lora:\n  plus_ratio: 0.5\n") ==
        "x.yaml:2: lora.plus_ratio must be at least 1, is 0.5");
  CHECK(refusal("lora:\n  rank_pattern: {q_proj: 2.5}\n") ==
        "x.yaml:2: lora.rank_pattern: 'q_proj' must be a whole number between 1 and 4096, is 2.5");
  CHECK(refusal("lora:\n  rank_pattern: {\"(\": 2}\n") ==
        "x.yaml:2: lora.rank_pattern: '(' is not a regular expression");
  CHECK(refusal("lora:\n  alpha_pattern: {q_proj: 0}\n") ==
        "x.yaml:2: lora.alpha_pattern: 'q_proj' must be greater than 0, is 0");
  CHECK(refusal("lora:\n  alpha_pattern: {q_proj: x}\n") ==
        "x.yaml:2: lora.alpha_pattern.q_proj must be a number, is 'x'");
  CHECK(refusal("lora:\n  layers_to_transform: [0, -1]\n") ==
        "x.yaml:2: lora.layers_to_transform must be at least 0, is -1");
  CHECK(refusal("lora:\n  method: ia3\n  use_rslora: true\n").find("ia3 has no rank") !=
        std::string::npos);
  CHECK(refusal("train:\n  optimizer: adam\n") ==
        "x.yaml:2: train.optimizer: unknown optimizer 'adam'; known: adamw, sgd, mezo");
  CHECK(refusal("train:\n  mezo: {epsilon: 0}\n").find("train.mezo.epsilon must be greater than 0") !=
        std::string::npos);
  CHECK(refusal("train:\n  selection: best\n") ==
        "x.yaml:2: train.selection: unknown selection 'best'; known: none, mixed, loss, el2n, ifd, "
        "k_center");
  CHECK(refusal("train:\n  selection_share: 0\n") ==
        "x.yaml:2: train.selection_share must be greater than 0 and at most 1, is 0");
}

TEST_CASE("a strategy of halves or products needs an adapter of pairs that are both trained") {
  const auto refused = [](const char* strategy, const char* lora) {
    return refusal(std::string("aggregation:\n  strategy: ") + strategy + "\nlora: " + lora + "\n");
  };
  for (const char* strategy : {"ffa", "rolora"}) {
    CAPTURE(std::string(strategy));
    CHECK(refused(strategy, "{method: ffa_lora}").find("lets one half of each pair travel") !=
          std::string::npos);
    CHECK(refused(strategy, "{method: ia3}").find("works on pairs A and B") != std::string::npos);
  }
  CHECK(refused("flexlora", "{method: dora}").find("works on products B·A alone") != std::string::npos);
  CHECK(refused("flexlora", "{modules_to_save: [lm_head]}").find("modules_to_save empty") !=
        std::string::npos);
  for (const char* strategy : {"ffa", "rolora", "flexlora", "lorafair"})
    for (const char* embedding : {"embed_tokens", "wte", "gpt_neox.embed_in"}) {
      CAPTURE(std::string(strategy));
      CHECK(refused(strategy, ("{target_modules: [q_proj, " + std::string(embedding) + "]}").c_str())
                .find("names the token embedding '" + std::string(embedding) + "'") !=
            std::string::npos);
    }
  CHECK_NOTHROW(parse_experiment("lora: {target_modules: [q_proj, embed_tokens]}\n", "x"));
  CHECK_NOTHROW(parse_experiment("aggregation: {strategy: rolora}\nlora: {method: dora}\n", "x"));
  CHECK_NOTHROW(parse_experiment("aggregation: {strategy: fedavg}\nlora: {method: ffa_lora}\n", "x"));
}

TEST_CASE("a prefix cache names a store, a precision and how much room it has") {
  const auto refused = [](const char* cache) {
    return refusal(std::string("train:\n  prefix_cache: {") + cache + "}\n");
  };
  CHECK(refused("store: cloud") ==
        "x.yaml:2: train.prefix_cache.store: unknown store 'cloud'; known: none, memory, disk");
  CHECK(refused("precision: fp16") ==
        "x.yaml:2: train.prefix_cache.precision: unknown precision 'fp16'; known: fp32, bf16, int8");
  CHECK(refused("max_mb: 0") ==
        "x.yaml:2: train.prefix_cache.max_mb must be between 1 and 1048576, is 0");
  const Experiment e = parse_experiment(
      "lora: {layers_to_transform: [3]}\ntrain: {prefix_cache: {store: disk, max_mb: 40}}\n", "x");
  CHECK(e.train.prefix_cache.store == "disk");
  CHECK(e.train.prefix_cache.max_mb == 40);
  CHECK(to_yaml(parse_experiment(to_yaml(e), "again")) == to_yaml(e));
}

TEST_CASE("the proximal term is AdamW's") {
  CHECK(refusal("train:\n  optimizer: mezo\n  proximal_mu: 0.1\n") ==
        "x.yaml:3: train.proximal_mu goes with train.optimizer adamw only, which is mezo");
}

TEST_CASE("patterns keep their order, and print as they are read") {
  const Experiment e = parse_experiment(
      "lora:\n  rank_pattern: {'layers\\.1\\.': 3, q_proj: 2}\n  layers_to_transform: [0, 2]\n", "x");
  REQUIRE(e.lora.rank_pattern.size() == 2);
  CHECK(e.lora.rank_pattern[0] == std::pair<std::string, double>("layers\\.1\\.", 3));
  CHECK(to_yaml(parse_experiment(to_yaml(e), "again")) == to_yaml(e));
}

TEST_CASE("the key reference names every method, optimizer and selection") {
  const auto doc_of = [](const std::string& key) {
    for (const FieldDoc& row : experiment_keys())
      if (row.key == key) return row.doc;
    return std::string();
  };
  for (const std::string& name : peft_method_names())
    CHECK(doc_of("lora.method").find(name) != std::string::npos);
  for (const std::string& name : optimizer_names())
    CHECK(doc_of("train.optimizer").find(name) != std::string::npos);
  for (const std::string& name : example_selection_names())
    CHECK(doc_of("train.selection").find(name) != std::string::npos);
  for (const std::string& name : prefix_store_names())
    CHECK(doc_of("train.prefix_cache.store").find(name) != std::string::npos);
  for (const std::string& name : state_precision_names())
    CHECK(doc_of("train.prefix_cache.precision").find(name) != std::string::npos);
}
