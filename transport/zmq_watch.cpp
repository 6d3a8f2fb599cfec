#include <zmq.h>

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include "core/error.h"
#include "transport/zmq_socket.h"

namespace fennec {
namespace {

int descriptor_of(ZmqSocket& socket) {
  int fd = -1;
  std::size_t size = sizeof fd;
  FENNEC_CHECK(zmq_getsockopt(socket.get(), ZMQ_FD, &fd, &size) == 0);
  return fd;
}

}  // namespace

struct ZmqWatch::State : std::enable_shared_from_this<State> {
  State(boost::asio::io_context& io_context, ZmqSocket& socket, std::function<void()> on_ready)
      : io(io_context), descriptor(io_context, descriptor_of(socket)), ready(std::move(on_ready)) {}

  void wait() {
    descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [self = weak_from_this()](const boost::system::error_code& error) {
                            if (const auto state = self.lock(); state && state->open && !error)
                              state->run();
                          });
  }
  void run() {
    ready();
    if (open) wait();
  }

  boost::asio::io_context& io;
  boost::asio::posix::stream_descriptor descriptor;
  std::function<void()> ready;
  bool open = true;
  bool posted = false;
};

ZmqWatch::ZmqWatch(boost::asio::io_context& io, ZmqSocket& socket, std::function<void()> ready)
    : state_(std::make_shared<State>(io, socket, std::move(ready))) {
  state_->wait();
  look_again();  // what came before the watch raises no further edge
}

ZmqWatch::~ZmqWatch() {
  state_->open = false;
  state_->descriptor.release();  // the descriptor is ZeroMQ's to close
}

void ZmqWatch::look_again() {
  if (std::exchange(state_->posted, true)) return;
  boost::asio::post(state_->io, [self = std::weak_ptr<State>(state_)] {
    const auto state = self.lock();
    if (!state || !state->open) return;
    state->posted = false;
    state->ready();
  });
}

}  // namespace fennec
