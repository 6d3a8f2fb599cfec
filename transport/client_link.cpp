#include "transport/client_link.h"

#include <zmq.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "core/clock.h"
#include "core/log.h"
#include "core/rng.h"
#include "transport/listening_time.h"
#include "transport/outgoing_queue.h"
#include "transport/zmq_socket.h"

namespace fennec {
namespace {

constexpr std::size_t kReceivedParts = 2;  // header, payload
constexpr double kAttemptLimit = 10, kFirstBackoff = 0.2, kLastBackoff = 30, kRetrySend = 0.01;
constexpr int kFailedHandshakesOfAWrongKey = 2;

}  // namespace

class ClientLink::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(boost::asio::io_context& io, const TransportConfig& config, const EnrolmentBundle& bundle,
       ClientLinkEvents events)
      : io_(io),
        config_(config),
        endpoint_(bundle.endpoint),
        server_public_key_(bundle.server_public_key),
        keys_{bundle.keys.public_key, bundle.keys.secret_key.clone()},
        events_(std::move(events)),
        jitter_(Seed(0).child("reconnect", keys_.public_key)),
        tick_timer_(io),
        backoff_timer_(io),
        retry_timer_(io) {}

  void start() {
    connect();
    schedule_tick();
  }

  void close() {
    closed_ = true;
    tick_timer_.cancel();
    backoff_timer_.cancel();
    retry_timer_.cancel();
    connection_.reset();
  }

  bool send(Frame frame) {
    if (!connection_ || !connection_->up) return false;
    last_sent_ = clock_.now();
    if (!connection_->queue.push(std::move(frame))) {
      log::warn("the coordinator does not take our messages; one was dropped");
      return false;
    }
    flush(*connection_);
    if (connection_) connection_->socket_watch->look_again();
    return true;
  }

  void reconnect() {
    if (connection_) drop(false);
  }

  void set_timing(double heartbeat_s, double peer_timeout_s) {
    config_.heartbeat_s = heartbeat_s;
    config_.peer_timeout_s = peer_timeout_s;
  }

 private:
  /// One attempt and, if it succeeds, one session. Watches before sockets, so that they go first.
  struct Connection {
    Connection(void* context, const std::string& monitor_address)
        : socket(context, ZMQ_DEALER),
          reports(socket.monitor(context, monitor_address, ZMQ_EVENT_ALL)) {}
    ~Connection() { socket.stop_monitor(); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ZmqSocket socket;
    std::unique_ptr<ZmqSocket> reports;
    std::unique_ptr<ZmqWatch> socket_watch, reports_watch;
    OutgoingQueue queue;
    bool up = false, tcp = false;
  };

  void connect() {
    const auto connection = std::make_shared<Connection>(
        context_.get(), "inproc://fennec.monitor." + std::to_string(++attempts_));
    configure_client(connection->socket, config_, keys_, server_public_key_);
    if (endpoint_.find('[') != std::string::npos) connection->socket.set(ZMQ_IPV6, 1);
    connection_ = connection;
    last_seen_ = listening_.at(clock_.now());
    connection->socket.connect(endpoint_);
    connection->socket_watch = std::make_unique<ZmqWatch>(io_, connection->socket, [this] { drain(); });
    connection->reports_watch =
        std::make_unique<ZmqWatch>(io_, *connection->reports, [this] { drain_reports(); });
  }

  // An event may drop the connection or destroy the link: loops hold both and look whether they are
  // still current.

  void drain_reports() {
    const auto self = shared_from_this();
    const auto connection = connection_;
    while (connection && connection == connection_ && connection->reports->readable())
      if (const auto report = receive_report(*connection->reports)) take(*report);
  }

  void take(const MonitorReport& report) {
    switch (report.event) {
      case ZMQ_EVENT_CONNECTED:
        connection_->tcp = true;
        return;
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        return came_up();
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        return refused();
      case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        // A coordinator with another key hangs up in silence; so does one that is going down, but not
        // every time.
        if (++failed_handshakes_ % kFailedHandshakesOfAWrongKey == 0) return refused();
        return drop(true);
      case ZMQ_EVENT_DISCONNECTED:
      case ZMQ_EVENT_CLOSED:
        return drop(true);
      default:
        return;
    }
  }

  void came_up() {
    if (std::exchange(connection_->up, true)) return;
    failures_ = failed_handshakes_ = 0;
    last_sent_ = clock_.now();
    last_seen_ = listening_.at(last_sent_);
    if (events_.up) events_.up();
  }

  void refused() {
    drop(true);
    if (!closed_ && events_.refused) events_.refused();
  }

  void drain() {
    const auto self = shared_from_this();
    drain_reports();
    const auto connection = connection_;
    if (!connection) return;
    flush(*connection);
    for (int i = 0; i < kMessagesPerTurn && connection == connection_; ++i) {
      if (!connection->socket.readable()) return;
      auto message = receive(connection->socket, kReceivedParts);
      if (!message) continue;
      if (!connection->up) came_up();  // the report is still on its way
      if (connection == connection_) take(std::move(*message));
    }
    if (connection == connection_) connection->socket_watch->look_again();
  }

  void take(ZmqMessage message) {
    last_seen_ = listening_.at(clock_.now());
    if (message.too_many_parts) {
      if (events_.bad_frame)
        events_.bad_frame({ErrorCode::kMalformed, "a message has a header and at most one payload"});
      return;
    }
    Result<Message> header = decode_header(message.parts[0]);
    if (!header) {
      if (events_.bad_frame) events_.bad_frame(header.error());
      return;
    }
    if (std::holds_alternative<Pong>(*header)) return;
    Frame frame{std::move(*header), {}};
    if (message.parts.size() == 2) frame.payload = std::move(message.parts[1]);
    if (events_.frame) events_.frame(std::move(frame));
  }

  /// Ends the connection and plans the next attempt.
  void drop(bool failed) {
    const auto ended = std::exchange(connection_, nullptr);
    if (!ended) return;
    ended->socket_watch.reset();
    ended->reports_watch.reset();
    schedule_connect(failed);
    if (ended->up && events_.down) events_.down();
  }

  void schedule_connect(bool failed) {
    double wait = kFirstBackoff;
    if (failed)
      wait = std::min(kLastBackoff,
                      kFirstBackoff * static_cast<double>(1ull << std::min(failures_++, 16)));
    backoff_timer_.expires_after(
        std::chrono::microseconds(static_cast<std::int64_t>(wait * jitter_.uniform(0.5, 1.0) * 1e6)));
    backoff_timer_.async_wait([self = weak_from_this()](const boost::system::error_code& error) {
      if (const auto impl = self.lock(); impl && !error && !impl->closed_ && !impl->connection_)
        impl->connect();
    });
  }

  void flush(Connection& connection) {
    if (connection.queue.empty()) return;
    if (connection.queue.flush(connection.socket, "") == SendOutcome::kSent) return;
    if (std::exchange(retry_pending_, true)) return;
    retry_timer_.expires_after(std::chrono::microseconds(static_cast<std::int64_t>(kRetrySend * 1e6)));
    retry_timer_.async_wait([self = weak_from_this()](const boost::system::error_code& error) {
      const auto impl = self.lock();
      if (!impl || error || impl->closed_) return;
      impl->retry_pending_ = false;
      impl->drain();
    });
  }

  void schedule_tick() {
    const Duration every =
        from_seconds(std::clamp(std::min(config_.heartbeat_s, config_.peer_timeout_s) / 4, 0.05, 1.0));
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
    if (!connection_) return;
    const TimePoint now = clock_.now();
    const double limit = connection_->up ? config_.peer_timeout_s : kAttemptLimit;
    if (listening_.at(now) - last_seen_ >= from_seconds(limit)) return drop(true);
    if (connection_->up && now - last_sent_ >= from_seconds(config_.heartbeat_s)) send({Ping{}, {}});
  }

  boost::asio::io_context& io_;
  TransportConfig config_;
  std::string endpoint_, server_public_key_;
  CurveKeyPair keys_;
  ClientLinkEvents events_;
  RandomStream jitter_;
  SteadyClock clock_;
  ZmqContext context_;
  std::shared_ptr<Connection> connection_;
  boost::asio::steady_timer tick_timer_, backoff_timer_, retry_timer_;
  ListeningTime listening_{clock_.now()};
  TimePoint last_seen_{}, last_sent_{};  ///< the first in listening time
  int attempts_ = 0, failures_ = 0, failed_handshakes_ = 0;
  bool retry_pending_ = false, closed_ = false;
};

ClientLink::ClientLink(boost::asio::io_context& io, const TransportConfig& config,
                       const EnrolmentBundle& bundle, ClientLinkEvents events)
    : impl_(std::make_shared<Impl>(io, config, bundle, std::move(events))) {
  impl_->start();
}
ClientLink::~ClientLink() { impl_->close(); }

bool ClientLink::send(Frame frame) { return impl_->send(std::move(frame)); }
void ClientLink::reconnect() { impl_->reconnect(); }
void ClientLink::set_timing(double heartbeat_s, double peer_timeout_s) {
  impl_->set_timing(heartbeat_s, peer_timeout_s);
}

}  // namespace fennec
