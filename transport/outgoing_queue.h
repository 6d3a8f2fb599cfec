#pragma once
#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "transport/wire.h"
#include "transport/zmq_socket.h"

namespace fennec {

/// Messages waiting for room in a socket's own (short) queue, in order and bounded. Io thread only.
class OutgoingQueue {
 public:
  static constexpr std::size_t kMaxBytes = 64u << 20;
  static constexpr std::size_t kMaxMessages = 4096;

  /// False when full: the message is dropped, which the protocol survives.
  bool push(Frame&& frame);
  /// Sends what goes now. @param route  first part for a ROUTER socket; empty for a DEALER
  SendOutcome flush(ZmqSocket& socket, const std::string& route);
  bool empty() const { return messages_.empty(); }
  void clear();

 private:
  struct Encoded {
    std::vector<std::byte> header, payload;
  };
  std::deque<Encoded> messages_;
  std::size_t bytes_ = 0;
};

}  // namespace fennec
