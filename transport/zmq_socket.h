#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "transport/keys.h"
#include "transport/transport_config.h"

namespace boost::asio {
class io_context;
}

namespace fennec {

/// A ZeroMQ context; terminated in the destructor, after its sockets. Throws IoError when this libzmq
/// is too old (before 4.3.4: remote faults, docs/protocol.md) or was built without CURVE.
class ZmqContext {
 public:
  ZmqContext();
  ~ZmqContext();
  ZmqContext(const ZmqContext&) = delete;
  ZmqContext& operator=(const ZmqContext&) = delete;
  void* get() const { return context_; }

 private:
  void* context_;
};

/// Owns one socket; closed without lingering. Used by one thread at a time.
class ZmqSocket {
 public:
  ZmqSocket(void* context, int type);  ///< throws IoError
  ~ZmqSocket();
  ZmqSocket(const ZmqSocket&) = delete;
  ZmqSocket& operator=(const ZmqSocket&) = delete;
  void* get() const { return socket_; }

  void set(int option, int value);                 ///< throws IoError
  void set(int option, const std::string& value);  ///< throws IoError
  void bind(const std::string& endpoint);          ///< throws IoError naming the endpoint and why
  void connect(const std::string& endpoint);       ///< throws IoError
  std::string last_endpoint() const;               ///< the bound address, port resolved
  bool readable() const;                           ///< ZMQ_EVENTS has ZMQ_POLLIN
  /// Reports of this kind as messages of a PAIR socket.
  std::unique_ptr<ZmqSocket> monitor(void* context, const std::string& address, int events);
  /// Before the monitor's reading end goes: libzmq reports with a blocking send, and one into a closed
  /// pair hangs the io thread of the whole context for good.
  void stop_monitor();

 private:
  void* socket_;
};

/// The parts of one received message, bounded; what exceeds the bound is read and thrown away.
struct ZmqMessage {
  std::vector<std::vector<std::byte>> parts;
  bool too_many_parts = false;
  std::string user_id;  ///< set by the ZAP handler; empty on a client
};
std::optional<ZmqMessage> receive(ZmqSocket& socket,
                                  std::size_t max_parts);  ///< nothing when none is there
inline constexpr int kMessagesPerTurn = 256;  ///< received before others on the io context have a turn

enum class SendOutcome { kSent, kFull, kUnreachable };
/// Sends all parts or none; never blocks.
SendOutcome send(ZmqSocket& socket, std::span<const std::span<const std::byte>> parts);

/// One report of a socket monitor.
struct MonitorReport {
  int event = 0;
  int value = 0;
};
std::optional<MonitorReport> receive_report(ZmqSocket& monitor);

/// The options of every server socket (spec: fail closed, bounded); before bind.
void configure_server(ZmqSocket& socket, const TransportConfig& config, const Secret& secret_key);
/// The options of every client socket; before connect. ZeroMQ's own reconnecting is off: ClientLink
/// does it.
void configure_client(ZmqSocket& socket, const TransportConfig& config, const CurveKeyPair& keys,
                      const std::string& server_public_key);

/// Connects to `endpoint` with a fresh random key. Throws IoError unless the server refuses it.
void require_refusal_of_unknown_keys(void* context, const std::string& endpoint,
                                     const std::string& server_public_key);

/// Calls `ready` on the io thread when the socket may have something. ZMQ_FD is edge-triggered: `ready`
/// must drain until nothing is readable, and sends elsewhere must be followed by look_again(). Io
/// thread only; close the socket after the watch.
class ZmqWatch {
 public:
  ZmqWatch(boost::asio::io_context& io, ZmqSocket& socket, std::function<void()> ready);
  ~ZmqWatch();
  ZmqWatch(const ZmqWatch&) = delete;
  ZmqWatch& operator=(const ZmqWatch&) = delete;
  void look_again();  ///< posts one call of `ready`

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace fennec
