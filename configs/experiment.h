#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "aggregation/aggregation_config.h"
#include "coordinator/coordinator_config.h"
#include "core/params.h"
#include "data/data_config.h"
#include "lora/lora_config.h"
#include "model/model_config.h"
#include "privacy/privacy_config.h"
#include "simulations/simulation_config.h"
#include "transport/transport_config.h"

namespace fennec {

/// Everything a run depends on; the same schema for coordinator, client and simulator.
struct Experiment {
  std::string name = "fennec";
  std::uint64_t seed = 1;
  ModelConfig model;
  LoraConfig lora;
  TrainConfig train;
  RoundsConfig rounds;
  AggregationConfig aggregation;
  PrivacyConfig privacy;
  TransportConfig transport;
  DataConfig data;
  SimulationConfig simulation;
};

template <class Visitor>
void fields(Visitor& v, Experiment& c) {
  v("name", c.name, "shown in logs and reports");
  v("seed", c.seed, "root of every random draw");
  v("model", c.model, "");
  v("lora", c.lora, "");
  v("train", c.train, "");
  v("rounds", c.rounds, "");
  v("aggregation", c.aggregation, "");
  v("privacy", c.privacy, "");
  v("transport", c.transport, "");
  v("data", c.data, "");
  v("simulation", c.simulation, "");
}

/// Parses and validates; throws one ConfigError that lists every problem, each with file:line and key.
/// `overrides` are "key.path=value" from a command line: they replace what the file says.
Experiment load_experiment(const std::filesystem::path& file,
                           const std::vector<std::string>& overrides = {});
Experiment parse_experiment(std::string_view yaml, const std::string& where);

/// Ranges and cross-rules; one message a problem, without line numbers.
std::vector<std::string> validate(const Experiment& experiment);

/// Canonical YAML: every key, declaration order. parse_experiment() of it gives the same Experiment.
std::string to_yaml(const Experiment& experiment);

/// Hex SHA-256 of the canonical YAML: names the run.
std::string experiment_hash(const Experiment& experiment);

/// The key reference: one row a key, for --help and the docs.
std::vector<FieldDoc> experiment_keys();

}  // namespace fennec
