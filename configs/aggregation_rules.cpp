#include "configs/aggregation_rules.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "aggregation/codec_config.h"
#include "aggregation/strategy_config.h"
#include "core/model_family.h"
#include "core/peft_config.h"

namespace fennec {
namespace {

constexpr std::array<std::string_view, 3> kAdaptive{"fedadagrad", "fedadam", "fedyogi"};

template <class Wanted>
std::vector<std::string> names_of(Wanted wanted) {
  std::vector<std::string> out;
  for (const StrategyTraits& traits : kStrategyTraits)
    if (wanted(traits)) out.emplace_back(traits.name);
  return out;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

bool is_live(const StrategyTraits& traits) { return traits.not_live.empty(); }
bool averages(const StrategyTraits& traits) { return traits.combining == Combining::kMean; }
bool is_robust(const StrategyTraits& traits) { return traits.combining == Combining::kRobust; }

std::string strategy_problem(const AggregationConfig& c) {
  const StrategyTraits* strategy = find_strategy(c.strategy);
  if (strategy == nullptr)
    return "aggregation.strategy: " + unknown_name("strategy", c.strategy, names_of(is_live));
  if (!is_live(*strategy))
    return fmt::format(
        "aggregation.strategy: {} cannot run live: {}; `fennec-coordinator aggregate` runs it on "
        "finished adapters",
        c.strategy, strategy->not_live);
  if (c.robust.empty()) return "";
  const StrategyTraits* robust = find_strategy(c.robust);
  if (robust == nullptr || !is_robust(*robust))
    return "aggregation.robust: " + unknown_name("rule", c.robust, names_of(is_robust));
  if (!averages(*strategy))
    return fmt::format(
        "aggregation.robust: {} would take the place of a mean, and {} is none; with a robust rule the "
        "strategy is one of {}",
        c.robust, c.strategy, joined(names_of(averages)));
  return "";
}

/// A rule that needs several updates must not be left to a round that commits with fewer.
std::string count_problem(const Experiment& e) {
  const AggregationConfig& c = e.aggregation;
  const StrategyTraits* rule = find_strategy(c.robust.empty() ? c.strategy : c.robust);
  if (rule == nullptr) return "";
  const std::int64_t fewest = fewest_updates(*rule, c.rule.byzantine);
  const std::string why =
      fmt::format("{} with aggregation.rule.byzantine {}", rule->name, c.rule.byzantine);
  if (e.rounds.cohort_size < fewest)
    return fmt::format("rounds.cohort_size must be at least {} for {}, is {}", fewest, why,
                       e.rounds.cohort_size);
  if (fewest > 1 && e.rounds.min_updates < fewest)
    return fmt::format("rounds.min_updates must be at least {} for {}, is {}", fewest, why,
                       e.rounds.min_updates);
  return "";
}

/// FedBuff and rounds without an end need each other, and little else goes with them.
std::vector<std::string> buffer_problems(const Experiment& e) {
  const RoundsConfig& r = e.rounds;
  const bool fedbuff = e.aggregation.strategy == "fedbuff";
  std::vector<std::string> out;
  if (r.buffer_size < 0)
    out.push_back(fmt::format("rounds.buffer_size must be at least 0, is {}", r.buffer_size));
  if (r.max_staleness < 0)
    out.push_back(fmt::format("rounds.max_staleness must be at least 0, is {}", r.max_staleness));
  if (fedbuff && r.buffer_size == 0)
    out.emplace_back("rounds.buffer_size must say how many updates fedbuff folds at a time, is 0");
  if (!fedbuff && r.buffer_size > 0)
    out.push_back("rounds.buffer_size is for aggregation.strategy fedbuff, which is " +
                  e.aggregation.strategy);
  if (!fedbuff) return out;
  if (r.buffer_size > r.cohort_size)
    out.push_back(fmt::format("rounds.buffer_size must not exceed rounds.cohort_size ({}), is {}",
                              r.cohort_size, r.buffer_size));
  if (r.min_updates > r.buffer_size)
    out.push_back(fmt::format("rounds.min_updates must not exceed rounds.buffer_size ({}), is {}",
                              r.buffer_size, r.min_updates));
  if (e.privacy.dp.is_on())
    out.emplace_back(
        "aggregation.strategy: fedbuff has no cohorts whose sampling privacy.dp could count on");
  if (r.selection.method != "uniform" || r.selection.over != 1)
    out.emplace_back("rounds.selection chooses cohorts, of which fedbuff has none");
  return out;
}

/// SCAFFOLD takes out of gradient steps what whole updates told of a client.
std::vector<std::string> scaffold_problems(const Experiment& e) {
  if (e.aggregation.strategy != "scaffold") return {};
  std::vector<std::string> out;
  if (e.train.optimizer != "sgd")
    out.push_back(
        "train.optimizer must be sgd with aggregation.strategy scaffold, which corrects gradient "
        "steps, "
        "is " +
        e.train.optimizer);
  if (e.aggregation.rule.population < e.rounds.cohort_size)
    out.push_back(
        fmt::format("aggregation.rule.population must say how many devices take part in all, at least "
                    "rounds.cohort_size ({}), with aggregation.strategy scaffold, is {}",
                    e.rounds.cohort_size, e.aggregation.rule.population));
  if (const Result<CodecSpec> codec = parse_codec(e.aggregation.codec); codec && codec->keeps_error())
    out.push_back("aggregation.codec '" + e.aggregation.codec +
                  "' cannot go with aggregation.strategy scaffold, whose control variates would lack "
                  "what it leaves out of an update");
  return out;
}

/// The first entry of lora.target_modules that is the token embedding of some family; empty = none.
std::string embedding_target(const LoraConfig& lora) {
  for (const std::string& target : lora.target_modules)
    for (const ModelFamily& family : model_families())
      if (ends_with_module(family.modules.embedding, target)) return target;
  return "";
}

/// Strategies that treat the A and B of a pair apart, or together as a product, need an adapter of
/// linears' pairs that are both trained.
std::string method_problem(const Experiment& e) {
  const StrategyTraits* strategy = find_strategy(e.aggregation.strategy);
  if (strategy == nullptr) return "";
  const bool takes_halves = strategy->travel != Travel::kBoth;
  const bool takes_products = strategy->individual_updates && strategy->combining == Combining::kOwn;
  if (!takes_halves && !takes_products) return "";
  if (takes_halves && e.lora.method == "ffa_lora")
    return fmt::format(
        "aggregation.strategy: {} lets one half of each pair travel, and lora.method ffa_lora has but "
        "one that is trained; use fedavg with ffa_lora, or {} with lora",
        strategy->name, strategy->name);
  if (e.lora.method == "ia3")
    return fmt::format("aggregation.strategy: {} works on pairs A and B, which lora.method ia3 has not",
                       strategy->name);
  if (const std::string embedding = embedding_target(e.lora); !embedding.empty())
    return fmt::format(
        "aggregation.strategy: {} works on the pairs of linears, and lora.target_modules names the "
        "token embedding '{}'; use fedavg with it",
        strategy->name, embedding);
  const bool has_only_pairs =
      e.lora.method != "dora" && e.lora.method != "ffa_lora" && e.lora.modules_to_save.empty();
  if (takes_products && !has_only_pairs)
    return fmt::format(
        "aggregation.strategy: {} works on products B·A alone: lora.method must be lora or lora_plus, "
        "is {}, and lora.modules_to_save empty",
        strategy->name, e.lora.method);
  return "";
}

std::string optimizer_problem(const AggregationConfig& c) {
  const bool adaptive =
      std::find(kAdaptive.begin(), kAdaptive.end(), c.server_optimizer) != kAdaptive.end();
  if (adaptive && c.server_lr > 0.1)
    return fmt::format(
        "aggregation.server_lr must be at most 0.1 with {}, which moves every parameter by about that "
        "much a round, is {}",
        c.server_optimizer, c.server_lr);
  if (!(c.server_beta2 >= 0 && c.server_beta2 < 1))
    return fmt::format("aggregation.server_beta2 must be at least 0 and less than 1, is {}",
                       c.server_beta2);
  if (!(c.server_tau > 0))
    return fmt::format("aggregation.server_tau must be greater than 0, is {}", c.server_tau);
  return "";
}

/// A frozen branch absorbs the products of an adapter all of whose pairs have one rank.
std::string absorption_problem(const Experiment& e) {
  const RuleConfig& rule = e.aggregation.rule;
  if (rule.absorb_every == 0)
    return rule.absorb_rank == 0 ? ""
                                 : "aggregation.rule.absorb_rank is of no use without absorb_every";
  if (e.aggregation.strategy != "rolora")
    return "aggregation.rule.absorb_every goes with aggregation.strategy rolora, which is " +
           e.aggregation.strategy;
  const LoraConfig& lora = e.lora;
  if ((lora.method != "lora" && lora.method != "lora_plus") || !lora.modules_to_save.empty() ||
      !lora.rank_pattern.empty() || !lora.alpha_pattern.empty())
    return "aggregation.rule.absorb_every needs an adapter of pairs of one rank: lora.method lora or "
           "lora_plus, without modules_to_save, rank_pattern and alpha_pattern";
  return "";
}

/// What a step leaves out of a version no later one would bring.
std::string downlink_problem(const AggregationConfig& c) {
  if (c.downlink.empty()) return "";
  const Result<CodecSpec> codec = parse_codec(c.downlink);
  if (!codec) return "aggregation.downlink: " + codec.error().message;
  if (codec->keeps_error())
    return "aggregation.downlink '" + c.downlink +
           "' leaves out what no later version brings; use bf16, int8 or int4, and zstd";
  if (c.strategy == "scaffold")
    return "aggregation.downlink cannot go with aggregation.strategy scaffold, whose control variates "
           "would gather rounding errors";
  return "";
}

}  // namespace

std::vector<std::string> aggregation_problems(const Experiment& experiment) {
  const AggregationConfig& c = experiment.aggregation;
  std::vector<std::string> out{strategy_problem(c), count_problem(experiment),
                               method_problem(experiment), optimizer_problem(c)};
  for (std::string& problem : buffer_problems(experiment)) out.push_back(std::move(problem));
  for (std::string& problem : scaffold_problems(experiment)) out.push_back(std::move(problem));
  if (const std::string problem = rule_problem(c.rule); !problem.empty())
    out.push_back("aggregation.rule." + problem);
  if (const Result<CodecSpec> codec = parse_codec(c.codec); !codec)
    out.push_back("aggregation.codec: " + codec.error().message);
  out.push_back(downlink_problem(c));
  out.push_back(absorption_problem(experiment));
  std::erase(out, "");
  return out;
}

}  // namespace fennec
