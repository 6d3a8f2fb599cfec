// Whole sessions of secure aggregation in one process: what one client and the server compute and send
// beyond the masked vectors. docs/privacy.md quotes it.
#include <chrono>
#include <map>
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>

#include "privacy/secagg_client.h"
#include "privacy/secagg_server.h"

namespace fennec {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;
constexpr std::size_t kValues = 100'000;

struct Cohort {
  SystemEntropy entropy;
  SigningKey server_key = SigningKey::generate(entropy), authority = SigningKey::generate(entropy);
  std::vector<SigningKey> keys;
  std::vector<std::byte> roster;
  std::vector<std::uint32_t> uids;
  SecAggParams params;

  Cohort(std::uint32_t n, double dropouts) {
    Roster list;
    for (std::uint32_t uid = 1; uid <= n; ++uid) {
      keys.push_back(SigningKey::generate(entropy));
      RosterEntry entry;
      entry.uid = uid;
      entry.signing_key = keys.back().public_key();
      entropy.fill(entry.curve_key);
      entry.not_after = kNow + 1;
      list.entries.push_back(entry);
      uids.push_back(uid);
    }
    roster = sign_roster(list, authority);
    params.coding = {kValues, false, largest_value_bits(n), 1.0};
    params.cohort = n;
    params.dropouts = dropouts;
    params.deadline_s = 60;
    FENNEC_CHECK(complete_params(params).has_value());
  }
  std::unique_ptr<SecAggClient> client(std::uint32_t uid) {
    SecAggPolicy policy;
    policy.coding = params.coding;
    return std::make_unique<SecAggClient>(
        SecAggIdentity{uid, keys[uid - 1].clone(), server_key.public_key(), authority.public_key()},
        policy, SecAggMemory{}, kNow, entropy);
  }
};

class Stopwatch {
 public:
  template <class F>
  auto time(F&& work) {
    const auto start = std::chrono::steady_clock::now();
    auto result = work();
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return result;
  }
  double seconds() const { return seconds_; }

 private:
  double seconds_ = 0;
};

/// Everyone stays to the end, but for every tenth client, which is gone before its vector.
void session(benchmark::State& state) {
  const auto n = static_cast<std::uint32_t>(state.range(0));
  Cohort cohort(n, 0.1);
  const RingCoding coding = cohort.params.coding;
  for (auto _ : state) {
    auto server =
        *SecAggServer::create({cohort.params, cohort.roster, cohort.uids, 1, {}},
                              cohort.server_key.clone(), cohort.authority.public_key(), cohort.entropy);
    std::map<std::uint32_t, std::unique_ptr<SecAggClient>> clients;
    for (const std::uint32_t uid : cohort.uids) clients[uid] = cohort.client(uid);
    Stopwatch at_clients, at_server;
    std::size_t up = 0, down = 0;
    std::vector<SecAggOutgoing> queue = server->open();
    const std::vector<std::uint32_t> zeros(coding.length());
    while (!server->is_over()) {
      std::vector<SecAggOutgoing> next;
      for (const SecAggOutgoing& out : queue) {
        down += out.frame.size();
        SecAggClient& client = *clients.at(out.uid);
        auto reaction = at_clients.time([&] { return client.handle(out.frame); });
        FENNEC_CHECK(!reaction.abort, reaction.reason);
        if (client.wants_vector()) {
          if (out.uid % 10 == 0) continue;
          reaction = at_clients.time([&] { return client.mask(zeros); });
          up -= 4 * coding.length();
        }
        if (!reaction.frame) continue;
        up += reaction.frame->size();
        auto answer = at_server.time([&] { return server->handle(out.uid, *reaction.frame); });
        for (SecAggOutgoing& more : answer.send) next.push_back(std::move(more));
      }
      if (next.empty() && !server->is_over())
        for (SecAggOutgoing& more : at_server.time([&] { return server->close_phase(); }).send)
          next.push_back(std::move(more));
      queue = std::move(next);
    }
    FENNEC_CHECK(server->is_finished());
    state.counters["k"] = cohort.params.degree;
    state.counters["t"] = cohort.params.threshold;
    state.counters["client_ms"] = 1e3 * at_clients.seconds() / n;
    state.counters["server_s"] = at_server.seconds();
    state.counters["up_KB"] = static_cast<double>(up) / n / 1e3;
    state.counters["down_KB"] = static_cast<double>(down) / n / 1e3;
  }
}
BENCHMARK(session)->Arg(10)->Arg(100)->Arg(1000)->Iterations(1)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace fennec

BENCHMARK_MAIN();
