#include "coordinator/run_directory.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "aggregation/absorption.h"
#include "aggregation/version.h"
#include "configs/adapter.h"
#include "coordinator/adapter_store.h"
#include "coordinator/ledger.h"
#include "coordinator/roster_file.h"
#include "coordinator/secure_rounds.h"
#include "core/base_digest.h"
#include "core/digest.h"
#include "core/error.h"
#include "core/files.h"
#include "transport/keys.h"

namespace fennec {

namespace fs = std::filesystem;

namespace {

// A run whose port is left open keeps one port for life: bundles made before `serve` must hold after
// it.
int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool bound =
      fd >= 0 && ::bind(fd, generic, size) == 0 && ::getsockname(fd, generic, &size) == 0;
  if (fd >= 0) ::close(fd);
  if (!bound) throw IoError("no free TCP port");
  return ntohs(address.sin_port);
}

bool port_is_open(const std::string& listen) {
  return listen.ends_with(":*") || listen.ends_with(":0");
}

std::string with_port(const std::string& listen, int port) {
  return fmt::format("{}:{}", listen.substr(0, listen.rfind(':')), port);
}

void make_private(const fs::path& dir) {
  fs::create_directories(dir);
  fs::permissions(dir, fs::perms::owner_all);
}

/// Nothing half-made stays behind.
struct RemovedUnlessMoved {
  fs::path dir;
  ~RemovedUnlessMoved() {
    std::error_code ignored;
    fs::remove_all(dir, ignored);
  }
};

void fill(const RunDirectory& run, const Experiment& experiment) {
  const fs::path base = experiment.model.base;
  const AdapterPlan plan = plan_adapter(experiment, base);
  const Seed seed = adapter_seed(experiment);
  check_secure_plan(experiment, plan.layout);
  fs::create_directories(run.adapters());
  make_private(run.updates());
  make_private(run.keys());

  const CurveKeyPair keys = generate_curve_keys();
  write_secret_key(run.server_key(), keys.secret_key);
  create_signing_keys(run);
  write_file_atomically(run.experiment(), to_yaml(experiment));
  if (port_is_open(experiment.transport.listen))
    write_file_atomically(run.endpoint(), with_port(experiment.transport.listen, free_port()) + "\n");

  const ParameterSet first = first_version(experiment.aggregation, initial_adapter(plan, seed));
  AdapterStore adapters(run.adapters(), first.layout(),
                        stacked_config(plan.config, experiment.aggregation),
                        frozen_adapter(plan, seed));
  const AdapterStore::Stored stored = adapters.write(AdapterVersion{0}, first, {});
  const std::string hash = experiment_hash(experiment);
  const Sha256Digest name = sha256(keys.public_key + hash);  // unique: the server key is
  const RunIdentity identity{to_hex(name).substr(0, 16), hash, base_model_digest(base),
                             first.layout()->digest()};
  Ledger::create(run.ledger(), identity, *first.layout(),
                 AdapterRow{AdapterVersion{0}, stored.bytes, stored.sha256});
  sync_directory(run.root);
}

}  // namespace

Experiment RunDirectory::load_experiment() const {
  if (!fs::exists(experiment()) || !fs::exists(ledger()))
    throw ConfigError(root.string() + ": is not a run; make one with `fennec-coordinator init " +
                      root.string() + " --config FILE`");
  return fennec::load_experiment(experiment());
}

void create_run(const RunDirectory& run, const Experiment& experiment) {
  if (fs::exists(run.root) && !fs::is_empty(run.root))
    throw ConfigError(run.root.string() + ": exists and is not empty");
  fs::path target = fs::absolute(run.root).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();  // "runs/home/"
  fs::create_directories(target.parent_path());
  const RunDirectory draft{target.parent_path() /
                           fmt::format(".{}.init-{}", target.filename().string(), ::getpid())};
  const RemovedUnlessMoved cleanup{draft.root};
  fill(draft, experiment);
  fs::remove(target);  // an empty directory, if any
  fs::rename(draft.root, target);
  sync_directory(target.parent_path());
}

std::string listen_endpoint(const RunDirectory& run, const Experiment& experiment) {
  if (!port_is_open(experiment.transport.listen)) return experiment.transport.listen;
  std::string chosen = read_text_file(run.endpoint());
  chosen.erase(chosen.find_last_not_of("\n ") + 1);
  return chosen;
}

std::string advertised_endpoint(const RunDirectory& run, const Experiment& experiment) {
  if (!experiment.transport.advertise.empty()) return experiment.transport.advertise;
  const std::string listen = listen_endpoint(run, experiment);
  for (const char* any : {"//0.0.0.0:", "//*:", "//[::]:"})
    if (listen.find(any) != std::string::npos)
      throw ConfigError("transport.listen is " + listen +
                        ": set transport.advertise to the address devices reach (in the experiment "
                        "file, before `init`)");
  return listen;
}

}  // namespace fennec
