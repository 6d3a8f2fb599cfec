#pragma once
#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

namespace fennec::test {

/// A plain TCP relay on loopback that keeps every byte of both directions, as a tap on the wire would.
/// Own thread.
class RecordingProxy {
 public:
  explicit RecordingProxy(unsigned short server_port)
      : target_(boost::asio::ip::make_address("127.0.0.1"), server_port),
        acceptor_(io_, {boost::asio::ip::make_address("127.0.0.1"), 0}) {
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~RecordingProxy() {
    io_.stop();
    thread_.join();
  }
  unsigned short port() const { return acceptor_.local_endpoint().port(); }
  std::string recorded() const {
    const std::lock_guard lock(mutex_);
    return recorded_;
  }

 private:
  using Socket = boost::asio::ip::tcp::socket;

  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, Socket inside) {
      if (error) return;
      auto near = std::make_shared<Socket>(std::move(inside));
      auto far = std::make_shared<Socket>(io_);
      far->connect(target_, error);
      if (!error) {
        relay(near, far);
        relay(far, near);
      }
      accept();
    });
  }

  void relay(std::shared_ptr<Socket> from, std::shared_ptr<Socket> to) {
    auto buffer = std::make_shared<std::array<char, 65536>>();
    from->async_read_some(boost::asio::buffer(*buffer),
                          [this, from, to, buffer](boost::system::error_code error, std::size_t size) {
                            boost::system::error_code ignored;
                            if (error) {
                              to->close(ignored);
                              return;
                            }
                            {
                              const std::lock_guard lock(mutex_);
                              recorded_.append(buffer->data(), size);
                            }
                            boost::asio::write(*to, boost::asio::buffer(buffer->data(), size), error);
                            if (!error) relay(from, to);
                          });
  }

  boost::asio::io_context io_;
  boost::asio::ip::tcp::endpoint target_;
  boost::asio::ip::tcp::acceptor acceptor_;
  mutable std::mutex mutex_;
  std::string recorded_;
  std::thread thread_;
};

inline unsigned short port_of(const std::string& endpoint) {
  return static_cast<unsigned short>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
}

}  // namespace fennec::test
