#include "transport/authenticator.h"

#include <zmq.h>

#include <array>
#include <atomic>
#include <future>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/fault_count.h"
#include "core/log.h"
#include "transport/zmq_socket.h"

namespace fennec {

void AllowList::replace(std::map<std::string, ClientId> by_public_key) {
  const std::lock_guard lock(mutex_);
  by_key_ = std::move(by_public_key);
}

std::optional<ClientId> AllowList::find(const std::string& public_key_z85) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(public_key_z85);
  return found == by_key_.end() ? std::nullopt : std::optional(found->second);
}

bool AllowList::contains(const ClientId& client) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, name] : by_key_)
    if (name == client) return true;
  return false;
}

namespace {

constexpr const char* kZapEndpoint = "inproc://zeromq.zap.01";
constexpr const char* kControlEndpoint = "inproc://fennec.zap.control";

std::string_view as_text(const std::vector<std::byte>& part) {
  return {reinterpret_cast<const char*>(part.data()), part.size()};
}

/// The public key of a well-formed CURVE request, else nothing. Frames (after REP took the delimiter):
/// version, request id, domain, address, routing id, mechanism, key.
std::optional<std::string> requested_key(const ZmqMessage& request) {
  if (request.too_many_parts || request.parts.size() != 7) return std::nullopt;
  if (as_text(request.parts[0]) != "1.0" || as_text(request.parts[2]) != "fennec" ||
      as_text(request.parts[5]) != "CURVE" || request.parts[6].size() != 32)
    return std::nullopt;
  std::array<char, 41> text{};
  if (zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(request.parts[6].data()), 32) ==
      nullptr)
    return std::nullopt;
  return std::string(text.data(), 40);
}

/// Ever fewer lines a refused key; bounded against a flood of keys.
class RefusalLog {
 public:
  void note(const std::string& key, const std::string& address) {
    if (!enabled) return;
    if (counts_.size() >= kMostKeys) counts_.clear();
    FaultCount& count = counts_[key];
    if (!count.next()) return;
    log::warn("connection from {} refused: public key {:.8}… is not enrolled ({} so far)", address, key,
              count.value());
  }
  std::atomic<bool> enabled{false};

 private:
  static constexpr std::size_t kMostKeys = 256;
  std::map<std::string, FaultCount> counts_;  ///< by key
};

/// Six frames; REP puts the delimiter before them: exactly seven, or libzmq drops the connection.
void answer(ZmqSocket& zap, const AllowList& allowed, RefusalLog& refusals) {
  const auto request = receive(zap, 8);
  if (!request) return;
  const auto key = requested_key(*request);
  const bool admitted = key && allowed.find(*key);
  if (key && !admitted) refusals.note(*key, std::string(as_text(request->parts[3])));
  const std::string version = "1.0";
  const std::string request_id =
      request->parts.size() > 1 ? std::string(as_text(request->parts[1])) : "";
  const std::string status = admitted ? "200" : "400";
  const std::string reason = admitted ? "enrolled" : "not enrolled";
  const std::string user_id = admitted ? *key : "";
  std::vector<std::span<const std::byte>> parts;
  for (const std::string* text : {&version, &request_id, &status, &reason, &user_id})
    parts.push_back(std::as_bytes(std::span(*text)));
  parts.emplace_back();  // no metadata
  send(zap, parts);
}

}  // namespace

struct Authenticator::Thread {
  Thread(void* context, const AllowList& allowed)
      : zap(std::make_unique<ZmqSocket>(context, ZMQ_REP)),
        control(std::make_unique<ZmqSocket>(context, ZMQ_PAIR)),
        stop(std::make_unique<ZmqSocket>(context, ZMQ_PAIR)) {
    zap->bind(kZapEndpoint);
    stop->bind(kControlEndpoint);
    control->connect(kControlEndpoint);
    std::promise<void> started;
    thread = std::thread([this, &allowed, &started] { run(allowed, started); });
    started.get_future().wait();
  }

  ~Thread() {
    const std::span<const std::byte> empty;
    send(*stop, std::span(&empty, 1));
    thread.join();
  }

  void run(const AllowList& allowed, std::promise<void>& started) {
    alive = true;
    started.set_value();
    for (;;) {
      zmq_pollitem_t items[] = {{zap->get(), 0, ZMQ_POLLIN, 0}, {control->get(), 0, ZMQ_POLLIN, 0}};
      const int ready = zmq_poll(items, 2, -1);
      if (ready < 0 && zmq_errno() == EINTR) continue;
      if (ready < 0 || (items[1].revents & ZMQ_POLLIN) != 0) break;
      answer(*zap, allowed, refusals);
    }
    alive = false;
    zap.reset();  // nobody answers any more: with the enforced domain every handshake now fails
    control.reset();
  }

  std::unique_ptr<ZmqSocket> zap, control, stop;
  RefusalLog refusals;
  std::atomic<bool> alive{false};
  std::thread thread;
};

Authenticator::Authenticator(void* zmq_context, const AllowList& allowed)
    : thread_(std::make_unique<Thread>(zmq_context, allowed)) {}
Authenticator::~Authenticator() = default;

bool Authenticator::alive() const { return thread_->alive; }
void Authenticator::log_refusals() { thread_->refusals.enabled = true; }

}  // namespace fennec
