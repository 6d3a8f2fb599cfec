#pragma once
#include <functional>
#include <memory>

#include "transport/keys.h"
#include "transport/transport_config.h"
#include "transport/wire.h"

namespace boost::asio {
class io_context;
}

namespace fennec {

struct ClientLinkEvents {
  std::function<void()> up;    ///< CURVE handshake done (also after every reconnect)
  std::function<void()> down;  ///< connection lost, or the coordinator silent for peer_timeout_s
  std::function<void(Frame)> frame;
  std::function<void(const Error&)> bad_frame;
  std::function<void()>
      refused;  ///< the handshake failed on authentication (unknown key or wrong server key)
};

/// The client's DEALER socket with CURVE: reconnects with exponential backoff (0.2 s … 30 s, jittered),
/// pings when idle. Io thread only.
class ClientLink {
 public:
  ClientLink(boost::asio::io_context& io, const TransportConfig& config, const EnrolmentBundle& bundle,
             ClientLinkEvents events);
  ~ClientLink();
  ClientLink(const ClientLink&) = delete;
  ClientLink& operator=(const ClientLink&) = delete;

  /// False when the frame was dropped: the link is down, or the coordinator does not take our messages.
  bool send(Frame frame);
  void reconnect();  ///< drop the connection and start again
  /// The run's own heartbeat and timeout, once known; sockets opened from then on use them too.
  void set_timing(double heartbeat_s, double peer_timeout_s);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fennec
