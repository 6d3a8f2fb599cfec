#pragma once
#include <cstdint>
#include <string>

namespace fennec {

struct TransportConfig {
  std::string listen = "tcp://127.0.0.1:7443";
  std::string advertise;
  std::int64_t chunk_bytes = 256 * 1024;
  std::int64_t max_update_bytes = 1LL << 30;
  int credit_chunks = 4;
  double max_messages_per_s = 500;
  double heartbeat_s = 10;
  double peer_timeout_s = 30;
};

template <class Visitor>
void fields(Visitor& v, TransportConfig& c) {
  v("listen", c.listen, "address the coordinator binds; port * picks a free one");
  v("advertise", c.advertise, "address written into enrolment bundles; empty = listen");
  v("chunk_bytes", c.chunk_bytes, "size of one bulk-transfer chunk, at most 1 MiB");
  v("max_update_bytes", c.max_update_bytes, "largest client update accepted");
  v("credit_chunks", c.credit_chunks, "chunks in flight a transfer");
  v("max_messages_per_s", c.max_messages_per_s,
    "messages a client may send, twice as many at once; chunks it was asked for come on top");
  v("heartbeat_s", c.heartbeat_s, "ZMTP heartbeat interval");
  v("peer_timeout_s", c.peer_timeout_s, "silence after which a peer is lost");
}

}  // namespace fennec
