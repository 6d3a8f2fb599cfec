#include "client/endpoint.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "core/error.h"

namespace fennec {
namespace {

constexpr int kConnectTimeoutMs = 2000;

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Addresses resolve(const std::string& endpoint) {
  static const std::string kScheme = "tcp://";
  const std::size_t colon = endpoint.rfind(':');
  if (!endpoint.starts_with(kScheme) || colon == std::string::npos || colon <= kScheme.size())
    throw IoError("endpoint '" + endpoint + "' is not of the form tcp://host:port");
  std::string host = endpoint.substr(kScheme.size(), colon - kScheme.size());
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int rc = ::getaddrinfo(host.c_str(), endpoint.substr(colon + 1).c_str(), &hints, &list);
  if (rc != 0) throw IoError(endpoint + " does not resolve: " + ::gai_strerror(rc));
  return Addresses(list);
}

bool something_listens(const addrinfo& address) {
  const int fd = ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  pollfd waiting{fd, POLLOUT, 0};
  int error = 0;
  socklen_t size = sizeof error;
  const bool answered = ::connect(fd, address.ai_addr, address.ai_addrlen) == 0 ||
                        (errno == EINPROGRESS && ::poll(&waiting, 1, kConnectTimeoutMs) == 1 &&
                         ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0);
  ::close(fd);
  return answered;
}

}  // namespace

std::string describe_endpoint(const std::string& endpoint) {
  const Addresses addresses = resolve(endpoint);
  char host[NI_MAXHOST] = "?";
  ::getnameinfo(addresses->ai_addr, addresses->ai_addrlen, host, sizeof host, nullptr, 0,
                NI_NUMERICHOST);
  return endpoint + " is " + host +
         (something_listens(*addresses) ? ", listening" : ", nothing listens there now");
}

}  // namespace fennec
