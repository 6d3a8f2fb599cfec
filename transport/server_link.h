#pragma once
#include <functional>
#include <memory>
#include <string>

#include "core/ids.h"
#include "transport/authenticator.h"
#include "transport/keys.h"
#include "transport/transport_config.h"
#include "transport/wire.h"

namespace boost::asio {
class io_context;
}

namespace fennec {

struct ServerLinkEvents {
  std::function<void(const ClientId&, Frame)> frame;  ///< authenticated and decoded
  std::function<void(const ClientId&, const Error&)>
      bad_frame;  ///< authenticated, did not decode or one too many; logged by the link
  std::function<void(const ClientId&)> lost;  ///< silent for peer_timeout_s, or replaced
};

/// The coordinator's ROUTER socket: CURVE always on, ZAP allow-list, fail-closed start-up self-test (a
/// random key must be refused, else IoError). Identity is the ZAP User-Id. Answers Ping by itself. Io
/// thread only.
class ServerLink {
 public:
  ServerLink(boost::asio::io_context& io, const TransportConfig& config, const CurveKeyPair& keys,
             const AllowList& allowed, ServerLinkEvents events);
  ~ServerLink();
  ServerLink(const ServerLink&) = delete;
  ServerLink& operator=(const ServerLink&) = delete;

  /// False when the frame was dropped: the client is not connected, or does not take its messages (the
  /// protocol is resumable). A BulkRequest pays for the chunks it asks for.
  bool send(const ClientId& client, Frame frame);
  void disconnect(const ClientId& client);  ///< forget its routing id; later frames of it are ignored
                                            ///< until a new connection
  const std::string& endpoint() const;      ///< the bound address, port resolved

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fennec
