#pragma once
#include <filesystem>

#include "configs/experiment.h"

namespace fennec {

/// Where a run keeps what: names only, nothing is touched.
struct RunDirectory {
  std::filesystem::path root;

  std::filesystem::path experiment() const { return root / "experiment.yaml"; }
  std::filesystem::path ledger() const { return root / "ledger.sqlite"; }
  std::filesystem::path adapters() const { return root / "adapters"; }
  std::filesystem::path updates() const { return root / "updates"; }
  std::filesystem::path keys() const { return root / "keys"; }
  std::filesystem::path server_key() const { return keys() / "server.key"; }
  std::filesystem::path signing_key() const { return keys() / "signing.key"; }
  std::filesystem::path authority_key() const { return keys() / "authority.key"; }
  std::filesystem::path authority_public_key() const { return keys() / "authority.pub"; }
  std::filesystem::path roster() const { return root / "roster"; }
  std::filesystem::path bundle_of(const std::string& client) const {
    return keys() / (client + ".bundle.json");
  }
  std::filesystem::path endpoint() const { return root / "endpoint"; }
  std::filesystem::path lock() const { return root / "serve.lock"; }
  std::filesystem::path events() const { return root / "events.jsonl"; }
  std::filesystem::path metrics() const { return root / "metrics.jsonl"; }
  std::filesystem::path report() const { return root / "report.html"; }

  /// Throws ConfigError when `root` is not a run directory (made by `fennec-coordinator init`).
  Experiment load_experiment() const;
};

/// Makes a run: directories (keys/ and updates/ 0700), keys (0600), experiment.yaml in canonical form,
/// ledger, version 0 of the adapter. Appears as a whole or not at all. Throws ConfigError when `root`
/// exists and is not empty; IoError naming what is wrong with the base model.
void create_run(const RunDirectory& run, const Experiment& experiment);

/// The address clients connect to: transport.advertise, else transport.listen, else (port *) what
/// create_run chose. Throws ConfigError when that is no address another machine can use (0.0.0.0, *).
std::string advertised_endpoint(const RunDirectory& run, const Experiment& experiment);

/// The address `serve` binds: transport.listen, its port * replaced by the one chosen for this run.
std::string listen_endpoint(const RunDirectory& run, const Experiment& experiment);

}  // namespace fennec
