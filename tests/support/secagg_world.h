#pragma once
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/rng.h"
#include "privacy/secagg_client.h"
#include "privacy/secagg_server.h"

namespace fennec::test {

struct SecAggOptions {
  std::uint32_t clients = 5;
  double corrupt = 0.1, dropouts = 0.3;
  SecAggMode mode = SecAggMode::kHonestButCurious;
  MaskSuite suite = MaskSuite::kAes256Ctr;
  std::size_t values = 40;
  std::uint64_t seed = 1;
  bool noisy = false;  ///< frames are repeated, and come late and in any order
};

/// A server and its clients on virtual time, with a network in between that the test bends as it likes.
class SecAggWorld {
 public:
  /// May change a frame; false loses it.
  using Hook = std::function<bool(std::uint32_t uid, SecAggStep step, std::vector<std::byte>& frame)>;

  explicit SecAggWorld(const SecAggOptions& options)
      : options_(options),
        seed_(Seed(options.seed).child("secagg_world")),
        network_(seed_.child("net")) {
    make_roster();
    make_server();
    for (const std::uint32_t uid : uids) join(uid);
  }

  // ---- before run()
  std::map<std::uint32_t, SecAggStep> dies_at;  ///< gone before it sends this
  Hook to_client, to_server;

  void run() {
    send_down(server->open());
    set_deadline();
    while (!server->is_over() && !queue_.empty()) step();
    while (!queue_.empty()) step();  // what is still under way must change nothing
  }

  // ---- afterwards
  std::vector<std::uint32_t> uids;  ///< the cohort, ascending
  std::unique_ptr<SecAggServer> server;
  std::map<std::uint32_t, std::unique_ptr<SecAggClient>> clients;
  std::map<std::uint32_t, std::vector<std::uint32_t>> vectors;  ///< unmasked
  std::map<std::uint32_t, SecAggReaction> aborts;               ///< by client
  std::vector<SecAggFault> faults;
  std::optional<SecAggFailure> failure;
  std::map<std::uint32_t, std::map<SecAggStep, std::vector<std::byte>>> sent_up, sent_down;
  SigningKey server_key, authority;
  std::map<std::uint32_t, SigningKey> keys;
  Roster roster;
  std::vector<std::byte> signed_roster;
  std::int64_t now = 1'800'000'000;

  bool has_exact_sum() const {
    if (!server->is_finished()) return false;
    std::vector<std::uint32_t> expected(server->params().coding.length());
    for (const std::uint32_t uid : server->survivors())
      for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += vectors.at(uid)[i];
    return std::equal(expected.begin(), expected.end(), server->sum().begin(), server->sum().end());
  }
  bool faulted(std::uint32_t uid, const std::string& part = "") const {
    for (const SecAggFault& fault : faults)
      if (fault.uid == uid && fault.what.find(part) != std::string::npos) return true;
    return false;
  }
  bool aborted_with(std::uint32_t uid, SecAggAbort reason) const {
    const auto found = aborts.find(uid);
    return found != aborts.end() && found->second.abort == reason;
  }
  std::size_t aborted_with(SecAggAbort reason) const {
    std::size_t n = 0;
    for (const auto& [uid, reaction] : aborts) n += reaction.abort == reason;
    return n;
  }
  /// A frame such as the server would sign, whatever is in it.
  std::vector<std::byte> forge(SecAggStep step, std::uint32_t uid,
                               const std::vector<std::byte>& payload) const {
    return seal_frame(step, server->sid(), uid, payload, server_key);
  }
  std::vector<std::byte> forge_as(std::uint32_t uid, SecAggStep step,
                                  const std::vector<std::byte>& payload) const {
    return seal_frame(step, server->sid(), uid, payload, keys.at(uid));
  }
  template <class M>
  static M payload_of(const std::vector<std::byte>& frame) {
    auto read = read_frame(frame);
    FENNEC_CHECK(read.has_value());
    auto message = decode<M>(read->payload);
    FENNEC_CHECK(message.has_value());
    return std::move(*message);
  }
  static SecAggStep step_of(const std::vector<std::byte>& frame) {
    return static_cast<SecAggStep>(std::to_integer<std::uint8_t>(frame.at(5)));
  }

  SecAggPolicy policy() const {
    SecAggPolicy policy;
    policy.survivors = kFewestSurvivors;
    policy.dropouts = options_.dropouts;
    policy.active = options_.mode == SecAggMode::kActive;
    policy.coding = params().coding;
    policy.model = sha256("model");
    return policy;
  }
  SecAggIdentity identity(std::uint32_t uid) const {
    return {uid, keys.at(uid).clone(), server_key.public_key(), authority.public_key()};
  }
  /// A client's secrets, drawn again as it drew them.
  struct Secrets {
    X25519KeyPair share, mask;
    SecretKey self;
  };
  Secrets secrets_of(std::uint32_t uid) const {
    SeededEntropy entropy(seed_.child("client", uid));
    Secrets secrets{generate_x25519(entropy), generate_x25519(entropy), {}};
    secrets.self = entropy.key();
    return secrets;
  }
  SecAggParams params() const {
    SecAggParams p;
    p.suite = options_.suite;
    p.mode = options_.mode;
    p.coding = {options_.values, false, std::min(20, largest_value_bits(options_.clients)), 1.0};
    p.cohort = options_.clients;
    p.corrupt = options_.corrupt;
    p.dropouts = options_.dropouts;
    p.deadline_s = 60;
    const auto done = complete_params(p);
    FENNEC_CHECK(done.has_value(), done ? "" : done.error().message);
    return p;
  }
  /// Gives a client a frame now; what it answers travels as usual.
  SecAggReaction tell(std::uint32_t uid, const std::vector<std::byte>& frame) {
    SecAggReaction reaction = clients.at(uid)->handle(frame);
    react(uid, reaction);
    return reaction;
  }
  /// Gives the server a frame now.
  SecAggServerReaction tell_server(std::uint32_t uid, const std::vector<std::byte>& frame) {
    SecAggServerReaction reaction = server->handle(uid, frame);
    react(reaction);
    return reaction;
  }

 private:
  void make_roster() {
    SeededEntropy entropy(seed_.child("roster"));
    server_key = SigningKey::generate(entropy);
    authority = SigningKey::generate(entropy);
    roster.epoch = 4;
    for (std::uint32_t i = 0; i < options_.clients + 3; ++i) {  // some are not asked
      RosterEntry entry;
      entry.uid = 10 * i + 7;
      keys[entry.uid] = SigningKey::generate(entropy);
      entry.signing_key = keys[entry.uid].public_key();
      entropy.fill(entry.curve_key);
      entry.not_before = now - 1000;
      entry.not_after = now + 1000;
      roster.entries.push_back(entry);
      if (i >= 1 && uids.size() < options_.clients) uids.push_back(entry.uid);
    }
    signed_roster = sign_roster(roster, authority);
  }

  void make_server() {
    SeededEntropy entropy(seed_.child("server"));
    auto made = SecAggServer::create({params(), signed_roster, uids, 12, sha256("model")},
                                     server_key.clone(), authority.public_key(), entropy);
    FENNEC_CHECK(made.has_value(), made ? "" : made.error().message);
    server = std::move(*made);
  }

  void join(std::uint32_t uid) {
    entropies_.push_back(std::make_unique<SeededEntropy>(seed_.child("client", uid)));
    clients[uid] = std::make_unique<SecAggClient>(identity(uid), policy(), SecAggMemory{11, 4}, now,
                                                  *entropies_.back());
    const RingCoding coding = params().coding;
    std::vector<float> x(coding.values);
    fill_normal(seed_.child("update", uid), x, 0.6F);
    vectors[uid].resize(coding.length());
    SeededEntropy rounding(seed_.child("rounding", uid));
    const auto done = quantize(x, 1, coding, rounding.key(), vectors[uid]);
    FENNEC_CHECK(done.has_value());
  }

  // ---- the network

  void later(double delay, std::function<void()> what) {
    queue_.emplace(time_ + delay, std::move(what));
  }
  void step() {
    auto node = queue_.extract(queue_.begin());
    time_ = node.key();
    node.mapped()();
  }
  void travel(const std::function<void()>& arrive) {
    const int times = options_.noisy && network_.uniform() < 0.3 ? 2 : 1;
    for (int i = 0; i < times; ++i) later(options_.noisy ? network_.uniform(0.01, 20) : 0.1, arrive);
  }
  void set_deadline() {
    later(60, [this, phase = ++phase_] {
      if (phase == phase_ && !server->is_over()) react(server->close_phase());
    });
  }

  void send_down(const std::vector<SecAggOutgoing>& all) {
    for (const SecAggOutgoing& out : all) {
      std::vector<std::byte> frame = out.frame;
      sent_down[out.uid][step_of(frame)] = frame;
      if (to_client && !to_client(out.uid, step_of(frame), frame)) continue;
      travel([this, uid = out.uid, frame] {
        if (!dead_.contains(uid)) tell(uid, frame);
      });
    }
  }
  void send_up(std::uint32_t uid, std::vector<std::byte> frame) {
    if (const auto fate = dies_at.find(uid); fate != dies_at.end() && fate->second == step_of(frame))
      dead_.insert(uid);
    if (dead_.contains(uid)) return;
    sent_up[uid][step_of(frame)] = frame;
    if (to_server && !to_server(uid, step_of(frame), frame)) return;
    travel([this, uid, frame] { tell_server(uid, frame); });
  }
  void react(std::uint32_t uid, const SecAggReaction& reaction) {
    if (reaction.abort) aborts.emplace(uid, reaction);
    if (reaction.frame) send_up(uid, *reaction.frame);
    if (!clients.at(uid)->wants_vector()) return;
    send_up(uid, *clients.at(uid)->mask(vectors.at(uid)).frame);
  }
  void react(const SecAggServerReaction& reaction) {
    faults.insert(faults.end(), reaction.faults.begin(), reaction.faults.end());
    if (reaction.failure) failure = reaction.failure;
    send_down(reaction.send);
    if (reaction.advanced && !server->is_over()) set_deadline();
  }

  SecAggOptions options_;
  Seed seed_;
  RandomStream network_;
  std::vector<std::unique_ptr<SeededEntropy>> entropies_;
  std::multimap<double, std::function<void()>> queue_;
  std::set<std::uint32_t> dead_;
  double time_ = 0;
  std::uint64_t phase_ = 0;
};

}  // namespace fennec::test
