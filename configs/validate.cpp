#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "configs/aggregation_rules.h"
#include "configs/experiment.h"
#include "configs/validate_privacy.h"
#include "configs/validate_secagg.h"
#include "core/module_pattern.h"
#include "core/peft_method.h"

namespace fennec {
namespace {

/// Collects problems; every message begins with the key it is about.
class Problems {
 public:
  template <class T>
  void at_least(const char* key, T value, T low) {
    if (!(value >= low)) list.push_back(fmt::format("{} must be at least {}, is {}", key, low, value));
  }
  template <class T>
  void within(const char* key, T value, T low, T high) {
    if (!(value >= low && value <= high))
      list.push_back(fmt::format("{} must be between {} and {}, is {}", key, low, high, value));
  }
  void positive(const char* key, double value) {
    if (!(value > 0)) list.push_back(fmt::format("{} must be greater than 0, is {}", key, value));
  }
  void below_one(const char* key, double value) {
    if (!(value >= 0 && value < 1))
      list.push_back(fmt::format("{} must be at least 0 and less than 1, is {}", key, value));
  }
  void require(bool holds, std::string message) {
    if (!holds) list.push_back(std::move(message));
  }
  std::vector<std::string> list;
};

std::string listed(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

bool is_one_of(const std::string& name, const std::vector<std::string>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void check_patterns(Problems& p, const LoraConfig& lora) {
  for (const auto& [key, pattern] : {std::pair("lora.rank_pattern", &lora.rank_pattern),
                                     std::pair("lora.alpha_pattern", &lora.alpha_pattern)}) {
    for (const auto& [regex, value] : *pattern) {
      p.require(ModulePattern::compile(regex).has_value(),
                fmt::format("{}: '{}' is not a regular expression", key, regex));
      if (pattern == &lora.alpha_pattern)
        p.require(value > 0, fmt::format("{}: '{}' must be greater than 0, is {}", key, regex, value));
      else
        p.require(value >= 1 && value <= 4096 && value == std::floor(value),
                  fmt::format("{}: '{}' must be a whole number between 1 and 4096, is {}", key, regex,
                              value));
    }
  }
}

void check_adapter(Problems& p, const LoraConfig& lora) {
  p.require(is_one_of(lora.method, peft_method_names()),
            fmt::format("lora.method: unknown method '{}'; known: {}", lora.method,
                        listed(peft_method_names())));
  p.within("lora.rank", lora.rank, 1, 4096);
  p.positive("lora.alpha", lora.alpha);
  p.at_least("lora.plus_ratio", lora.plus_ratio, 1.0);
  p.require(!lora.target_modules.empty(),
            "lora.target_modules must name at least one module or all-linear, is empty");
  for (const int layer : lora.layers_to_transform) p.at_least("lora.layers_to_transform", layer, 0);
  check_patterns(p, lora);
  if (lora.method == "ia3")
    p.require(lora.rank_pattern.empty() && lora.alpha_pattern.empty() && !lora.use_rslora &&
                  lora.layers_to_transform.empty(),
              "lora.method ia3 has no rank: rank_pattern, alpha_pattern, use_rslora and "
              "layers_to_transform do not go with it");
}

void check_example_selection(Problems& p, const ExampleSelectionConfig& s) {
  p.require(is_one_of(s.strategy, example_selection_names()),
            fmt::format("train.selection: unknown selection '{}'; known: {}", s.strategy,
                        listed(example_selection_names())));
  p.require(s.share > 0 && s.share <= 1,
            fmt::format("train.selection_share must be greater than 0 and at most 1, is {}", s.share));
  p.below_one("train.selection_noise", s.noise_share);
}

void check_prefix_cache(Problems& p, const PrefixCacheConfig& c) {
  p.require(is_one_of(c.store, prefix_store_names()),
            fmt::format("train.prefix_cache.store: unknown store '{}'; known: {}", c.store,
                        listed(prefix_store_names())));
  p.require(is_one_of(c.precision, state_precision_names()),
            fmt::format("train.prefix_cache.precision: unknown precision '{}'; known: {}", c.precision,
                        listed(state_precision_names())));
  p.within("train.prefix_cache.max_mb", c.max_mb, 1, 1 << 20);
}

void check_training(Problems& p, const Experiment& e) {
  p.require(!e.model.base.empty(), "model.base must name a directory, is empty");
  p.require(is_base_precision(e.model.base_precision), "model.base_precision must be one of " +
                                                           base_precisions() + "; is '" +
                                                           e.model.base_precision + "'");
  check_adapter(p, e.lora);
  check_example_selection(p, e.train.selection);
  check_prefix_cache(p, e.train.prefix_cache);
  p.require(is_one_of(e.train.optimizer, optimizer_names()),
            fmt::format("train.optimizer: unknown optimizer '{}'; known: {}", e.train.optimizer,
                        listed(optimizer_names())));
  p.positive("train.mezo.learning_rate", e.train.mezo.learning_rate);
  p.positive("train.mezo.epsilon", e.train.mezo.epsilon);
  p.positive("train.learning_rate", e.train.learning_rate);
  p.at_least("train.weight_decay", e.train.weight_decay, 0.0);
  p.below_one("train.beta1", e.train.beta1);
  p.below_one("train.beta2", e.train.beta2);
  p.positive("train.epsilon", e.train.epsilon);
  p.at_least("train.clip_norm", e.train.clip_norm, 0.0);
  p.at_least("train.proximal_mu", e.train.proximal_mu, 0.0);
  p.require(e.train.proximal_mu <= 0 || e.train.optimizer == "adamw",
            "train.proximal_mu goes with train.optimizer adamw only, which is " + e.train.optimizer);
  p.at_least("train.warmup_steps", e.train.warmup_steps, 0);
  p.at_least("train.local_epochs", e.train.local_epochs, 0);
  p.at_least("train.local_steps", e.train.local_steps, 0);
  p.require(e.train.local_epochs > 0 || e.train.local_steps > 0,
            "train.local_steps must be at least 1 when train.local_epochs is 0, is 0");
  p.within("train.batch_tokens", e.train.batch_tokens, 2, 1 << 24);
  p.within("train.max_sequence_tokens", e.train.max_sequence_tokens, 2, 1 << 20);
  p.at_least("train.checkpoint_steps", e.train.checkpoint_steps, 1);
}

void check_selection(Problems& p, const Experiment& e) {
  const SelectionConfig& s = e.rounds.selection;
  if (std::find(kSelectionNames.begin(), kSelectionNames.end(), s.method) == kSelectionNames.end())
    p.list.push_back(
        "rounds.selection.method: " +
        unknown_name("selection", s.method, {kSelectionNames.begin(), kSelectionNames.end()}));
  p.within("rounds.selection.over", s.over, 1.0, 10.0);
  p.at_least("rounds.selection.candidates", s.candidates, 0);
  p.within("rounds.selection.exploration", s.exploration, 0.0, 1.0);
  p.within("rounds.selection.exploration_decay", s.exploration_decay, 0.0, 1.0);
  p.within("rounds.selection.exploration_least", s.exploration_least, 0.0, 1.0);
  p.within("rounds.selection.slow_penalty", s.slow_penalty, 0.0, 10.0);
  p.within("rounds.selection.cutoff", s.cutoff, 0.0, 1.0);
  // The accountant counts on cohorts that depend on nothing a device says, and on all of their updates.
  const bool private_run = e.privacy.dp.is_on();
  p.require(!private_run || s.method == "uniform",
            "rounds.selection.method must be uniform with privacy.dp, is " + s.method);
  p.require(!private_run || s.over == 1,
            fmt::format("rounds.selection.over must be 1 with privacy.dp, is {}", s.over));
}

void check_rounds(Problems& p, const Experiment& e) {
  p.at_least("rounds.total", e.rounds.total, 1);
  p.at_least("rounds.cohort_size", e.rounds.cohort_size, 1);
  p.at_least("rounds.min_available", e.rounds.min_available, 0);
  p.at_least("rounds.min_updates", e.rounds.min_updates, 0);
  p.require(e.rounds.min_updates <= e.rounds.cohort_size,
            fmt::format("rounds.min_updates must not exceed rounds.cohort_size ({}), is {}",
                        e.rounds.cohort_size, e.rounds.min_updates));
  p.positive("rounds.deadline_s", e.rounds.deadline_s);
  p.within("rounds.deadline_s", e.rounds.deadline_s, 0.0,
           1e8);  // fits the nanosecond clock many times over
  p.at_least("rounds.evaluate_every", e.rounds.evaluate_every, 0);
  check_selection(p, e);
  p.positive("aggregation.server_lr", e.aggregation.server_lr);
  p.below_one("aggregation.server_momentum", e.aggregation.server_momentum);
  p.at_least("privacy.clip_norm", e.privacy.clip_norm, 0.0);
}

void check_transport(Problems& p, const TransportConfig& t) {
  p.require(t.listen.starts_with("tcp://"),
            "transport.listen must be an address such as tcp://127.0.0.1:7443, is '" + t.listen + "'");
  p.require(t.advertise.empty() || t.advertise.starts_with("tcp://"),
            "transport.advertise must be an address such as tcp://host:7443, is '" + t.advertise + "'");
  p.within<std::int64_t>("transport.chunk_bytes", t.chunk_bytes, 1024, 1 << 20);
  p.within<std::int64_t>("transport.max_update_bytes", t.max_update_bytes, 1024, 1LL << 40);
  p.within("transport.credit_chunks", t.credit_chunks, 1, 64);
  p.within("transport.max_messages_per_s", t.max_messages_per_s, 1.0, 1e9);
  p.within("transport.heartbeat_s", t.heartbeat_s, 0.01, 3600.0);
  p.within("transport.peer_timeout_s", t.peer_timeout_s, 0.02, 86400.0);
  p.require(t.peer_timeout_s > t.heartbeat_s,
            fmt::format("transport.peer_timeout_s must exceed transport.heartbeat_s ({}), is {}",
                        t.heartbeat_s, t.peer_timeout_s));
}

void check_data(Problems& p, const Experiment& e) {
  static constexpr std::array<std::string_view, 3> kWorlds{"home", "wearable", "pump"};
  const DataConfig& d = e.data;
  p.require(d.prepared.empty() || d.world.empty(),
            "data.prepared and data.world exclude each other; give one");
  p.require(d.devices.empty() || !d.prepared.empty(),
            "data.devices picks devices of data.prepared, which is not given");
  for (const std::string& kind : d.world)
    p.require(std::find(kWorlds.begin(), kWorlds.end(), kind) != kWorlds.end(),
              "data.world: unknown kind '" + kind + "'; known: home, wearable, pump");
  p.within("data.world_devices", d.world_devices, 1, 1000000);
  p.within("data.world_examples", d.world_examples, 2, 1000000);
  p.require(d.held_out > 0 && d.held_out < 1,
            fmt::format("data.held_out must lie between 0 and 1, is {}", d.held_out));
  const int devices = e.simulation.devices > 0 ? e.simulation.devices
                      : d.world.empty()        ? 0
                                               : d.world_devices;
  p.require(devices == 0 || e.rounds.cohort_size <= devices,
            fmt::format("rounds.cohort_size must not exceed the number of devices ({}), is {}", devices,
                        e.rounds.cohort_size));
  p.require(devices == 0 || e.rounds.min_available <= devices,
            fmt::format("rounds.min_available must not exceed the number of devices ({}), is {}",
                        devices, e.rounds.min_available));
}

void check_simulation(Problems& p, const SimulationConfig& s) {
  p.within("simulation.devices", s.devices, 0, 10000000);
  p.within("simulation.workers", s.workers, 0, 1024);
  p.at_least("simulation.evaluation_devices", s.evaluation_devices, 0);
  p.at_least("simulation.evaluation_examples", s.evaluation_examples, 0);
  std::set<std::string> names;
  for (std::size_t i = 0; i < s.profiles.size(); ++i) {
    const DeviceProfileConfig& profile = s.profiles[i];
    const auto key = [&](const char* name) {
      return fmt::format("simulation.profiles[{}].{}", i, name);
    };
    p.require(!profile.name.empty(), key("name") + " must not be empty");
    p.require(names.insert(profile.name).second, key("name") + " '" + profile.name + "' is used twice");
    p.positive(key("weight").c_str(), profile.weight);
    p.positive(key("tokens_per_s").c_str(), profile.tokens_per_s);
    p.positive(key("uplink_kbps").c_str(), profile.uplink_kbps);
    p.positive(key("downlink_kbps").c_str(), profile.downlink_kbps);
    p.within(key("latency_ms").c_str(), profile.latency_ms, 0.0, 1e7);
    p.within(key("dropout").c_str(), profile.dropout, 0.0, 1.0);
    p.within(key("session_dropout").c_str(), profile.session_dropout, 0.0, 1.0);
    p.within(key("speed_spread").c_str(), profile.speed_spread, 0.0, 5.0);
  }
}

}  // namespace

std::vector<std::string> validate(const Experiment& experiment) {
  Problems problems;
  problems.require(!experiment.name.empty(), "name must not be empty");
  check_training(problems, experiment);
  check_rounds(problems, experiment);
  check_transport(problems, experiment.transport);
  check_data(problems, experiment);
  check_simulation(problems, experiment.simulation);
  for (std::string& problem : aggregation_problems(experiment))
    problems.list.push_back(std::move(problem));
  validate_privacy(experiment, problems.list);
  validate_secagg(experiment, problems.list);
  return std::move(problems.list);
}

}  // namespace fennec
