#include "transport/server_link.h"

#include <zmq.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "core/clock.h"
#include "core/fault_count.h"
#include "core/log.h"
#include "transport/listening_time.h"
#include "transport/outgoing_queue.h"
#include "transport/token_bucket.h"
#include "transport/zmq_socket.h"

namespace fennec {
namespace {

constexpr std::size_t kRoutedParts = 3;  // routing id, header, payload
constexpr std::size_t kRetiredRoutes = 16;
constexpr double kBurstSeconds = 2;  // of messages at the allowed rate
constexpr auto kRetrySend = std::chrono::milliseconds(10);

/// Where a probe on this machine reaches the bound address.
std::string local_address(std::string endpoint) {
  for (const auto& [any, local] :
       {std::pair<std::string, std::string>{"://0.0.0.0:", "://127.0.0.1:"}, {"://[::]:", "://[::1]:"}})
    if (const auto at = endpoint.find(any); at != std::string::npos)
      endpoint.replace(at, any.size(), local);
  return endpoint;
}

/// What is known of one enrolled client: at most one live connection.
struct Peer {
  Peer(double messages_per_s, TimePoint now)
      : allowance(messages_per_s, messages_per_s * kBurstSeconds, now) {}

  std::string route;                ///< ZeroMQ routing id of the live connection; empty = none
  std::deque<std::string> retired;  ///< replaced or disconnected ones: their late frames are ignored
  OutgoingQueue queue;
  TokenBucket allowance;  ///< messages it may send
  TimePoint last_seen{};  ///< in listening time
  FaultCount faults, unsent;

  void retire() {
    if (route.empty()) return;
    retired.push_back(std::exchange(route, std::string()));
    if (retired.size() > kRetiredRoutes) retired.pop_front();
    queue.clear();
  }
};

}  // namespace

class ServerLink::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(boost::asio::io_context& io, const TransportConfig& config, const CurveKeyPair& keys,
       const AllowList& allowed, ServerLinkEvents events)
      : io_(io),
        config_(config),
        allowed_(allowed),
        events_(std::move(events)),
        authenticator_(context_.get(), allowed),
        router_(context_.get(), ZMQ_ROUTER),
        retry_timer_(io),
        tick_timer_(io) {
    if (!authenticator_.alive()) throw IoError("the authentication thread did not start");
    configure_server(router_, config, keys.secret_key);
    router_.bind(config.listen);
    endpoint_ = router_.last_endpoint();
    require_refusal_of_unknown_keys(context_.get(), local_address(endpoint_), keys.public_key);
    authenticator_.log_refusals();
  }

  void start() {
    watch_ = std::make_unique<ZmqWatch>(io_, router_, [this] { turn(); });
    schedule_tick();
  }

  void close() {
    closed_ = true;
    retry_timer_.cancel();
    tick_timer_.cancel();
    watch_.reset();
  }

  bool send(const ClientId& client, Frame frame) {
    const auto found = peers_.find(client);
    if (found == peers_.end() || found->second.route.empty()) return false;
    Peer& peer = found->second;
    if (const auto* asked = std::get_if<BulkRequest>(&frame.message))
      peer.allowance.grant(asked->chunks, clock_.now());
    if (!peer.queue.push(std::move(frame))) {
      if (peer.unsent.next())
        log::warn("client {}: does not take its messages; one was dropped ({} so far)", client.name,
                  peer.unsent.value());
      return false;
    }
    flush(client, peer);
    watch_->look_again();  // sending may have consumed the signal of something that arrived
    return true;
  }

  void disconnect(const ClientId& client) {
    if (const auto found = peers_.find(client); found != peers_.end()) found->second.retire();
  }

  const std::string& endpoint() const { return endpoint_; }

 private:
  void turn() {
    const auto self = shared_from_this();  // an event may destroy the link
    flush_all();
    for (int i = 0; i < kMessagesPerTurn && !closed_; ++i) {
      if (!router_.readable()) return;
      if (auto message = receive(router_, kRoutedParts)) take(std::move(*message));
    }
    if (!closed_) watch_->look_again();  // let timers and other sockets have their turn
  }

  void take(ZmqMessage message) {
    const auto client = allowed_.find(message.user_id);
    if (!client) {
      if (not_admitted_.next())
        log::warn("a frame under a key that is not enrolled (any more) was refused: {}",
                  name_of(message.user_id));
      return;
    }
    names_[message.user_id] = *client;
    const TimePoint now = clock_.now();
    Peer& peer = peers_.try_emplace(*client, config_.max_messages_per_s, now).first->second;
    if (!adopt(*client, peer, message)) return;
    peer.last_seen = listening_.at(now);
    if (!peer.allowance.take(now))
      return refuse(*client, peer,
                    {ErrorCode::kBudget, "more messages than transport.max_messages_per_s allows"});
    Result<Frame> frame = decode(message);
    if (!frame) return refuse(*client, peer, frame.error());
    if (std::holds_alternative<Ping>(frame->message)) {
      send(*client, {Pong{}, {}});
      return;
    }
    if (events_.frame) events_.frame(*client, std::move(*frame));
  }

  /// One live connection a client: the newest wins, and what still comes from an older one is ignored.
  bool adopt(const ClientId& client, Peer& peer, const ZmqMessage& message) {
    const auto& id = message.parts.front();
    const std::string route(reinterpret_cast<const char*>(id.data()), id.size());
    if (peer.route == route) return true;
    if (std::find(peer.retired.begin(), peer.retired.end(), route) != peer.retired.end()) return false;
    const bool replaced = !peer.route.empty();
    peer.retire();
    peer.route = route;
    if (replaced && events_.lost) events_.lost(client);
    return !closed_;
  }

  static Result<Frame> decode(ZmqMessage& message) {
    if (message.too_many_parts || message.parts.size() < 2)
      return fail(ErrorCode::kMalformed, "a message has a header and at most one payload");
    Result<Message> header = decode_header(message.parts[1]);
    if (!header) return tl::unexpected<Error>(header.error());
    Frame frame{std::move(*header), {}};
    if (message.parts.size() == 3) frame.payload = std::move(message.parts[2]);
    return frame;
  }

  void refuse(const ClientId& client, Peer& peer, const Error& error) {
    if (peer.faults.next())
      log::warn("client {}: frame refused: {} ({} so far)", client.name, error.message,
                peer.faults.value());
    if (error.code == ErrorCode::kVersion) send(client, {Refused{error.code, error.message}, {}});
    if (events_.bad_frame) events_.bad_frame(client, error);
  }

  void flush(const ClientId& client, Peer& peer) {
    switch (peer.queue.flush(router_, peer.route)) {
      case SendOutcome::kSent:
        return;
      case SendOutcome::kFull:
        return schedule_retry();
      case SendOutcome::kUnreachable:
        peer.retire();
        boost::asio::post(io_, [self = weak_from_this(), client] {
          if (const auto impl = self.lock(); impl && !impl->closed_ && impl->events_.lost)
            impl->events_.lost(client);
        });
    }
  }

  void flush_all() {
    for (auto& [client, peer] : peers_)
      if (!peer.queue.empty()) flush(client, peer);
  }

  void schedule_retry() {
    if (std::exchange(retry_pending_, true)) return;
    retry_timer_.expires_after(kRetrySend);
    retry_timer_.async_wait([self = weak_from_this()](const boost::system::error_code& error) {
      const auto impl = self.lock();
      if (!impl || error || impl->closed_) return;
      impl->retry_pending_ = false;
      impl->turn();
    });
  }

  void schedule_tick() {
    const Duration every = from_seconds(std::clamp(config_.peer_timeout_s / 4, 0.05, 1.0));
    listening_.tick(clock_.now(), 2 * every);
    tick_timer_.expires_after(every);
    tick_timer_.async_wait([self = weak_from_this()](const boost::system::error_code& error) {
      const auto impl = self.lock();
      if (!impl || error || impl->closed_) return;
      impl->tick();
      if (!impl->closed_) impl->schedule_tick();
    });
  }

  void tick() {
    if (!authenticator_.alive() && !std::exchange(unbound_, true)) {
      zmq_unbind(router_.get(), endpoint_.c_str());
      log::error(
          "the authentication thread has died: no more connections are accepted; restart the "
          "coordinator");
    }
    const TimePoint now = listening_.at(clock_.now());
    std::vector<ClientId> silent;
    for (auto& [client, peer] : peers_) {
      if (peer.route.empty() || now - peer.last_seen < from_seconds(config_.peer_timeout_s)) continue;
      peer.retire();
      silent.push_back(client);
    }
    for (const ClientId& client : silent)
      if (!closed_ && events_.lost) events_.lost(client);
  }

  std::string name_of(const std::string& key) const {
    const auto found = names_.find(key);
    return found == names_.end() ? "unknown peer" : found->second.name;
  }

  boost::asio::io_context& io_;
  TransportConfig config_;
  const AllowList& allowed_;
  ServerLinkEvents events_;
  SteadyClock clock_;
  ListeningTime listening_{clock_.now()};
  ZmqContext context_;
  Authenticator authenticator_;
  ZmqSocket router_;
  std::unique_ptr<ZmqWatch> watch_;
  boost::asio::steady_timer retry_timer_, tick_timer_;
  std::string endpoint_;
  std::map<ClientId, Peer> peers_;
  std::map<std::string, ClientId> names_;  ///< by key, of those seen: to name a revoked one
  FaultCount not_admitted_;
  bool retry_pending_ = false, unbound_ = false, closed_ = false;
};

ServerLink::ServerLink(boost::asio::io_context& io, const TransportConfig& config,
                       const CurveKeyPair& keys, const AllowList& allowed, ServerLinkEvents events)
    : impl_(std::make_shared<Impl>(io, config, keys, allowed, std::move(events))) {
  impl_->start();
}
ServerLink::~ServerLink() { impl_->close(); }

bool ServerLink::send(const ClientId& client, Frame frame) {
  return impl_->send(client, std::move(frame));
}
void ServerLink::disconnect(const ClientId& client) { impl_->disconnect(client); }
const std::string& ServerLink::endpoint() const { return impl_->endpoint(); }

}  // namespace fennec
