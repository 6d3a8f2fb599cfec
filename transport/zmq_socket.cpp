#include "transport/zmq_socket.h"

#include <zmq.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/error.h"

namespace fennec {
namespace {

constexpr int kZapEnforceDomain =
    93;  // ZMQ_ZAP_ENFORCE_DOMAIN: the macro is draft-only, the option is not
constexpr std::int64_t kMaxFrameBytes = (1 << 20) + 4096;
constexpr int kHighWaterMark = 8;

/// A message part that is closed on every path.
class Part {
 public:
  Part() { zmq_msg_init(&message_); }
  explicit Part(std::span<const std::byte> bytes) {
    FENNEC_CHECK(zmq_msg_init_size(&message_, bytes.size()) == 0, "out of memory");
    if (!bytes.empty()) std::memcpy(zmq_msg_data(&message_), bytes.data(), bytes.size());
  }
  ~Part() { zmq_msg_close(&message_); }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  zmq_msg_t* get() { return &message_; }
  bool more() { return zmq_msg_more(&message_) != 0; }
  std::vector<std::byte> copy() {
    const auto* data = static_cast<const std::byte*>(zmq_msg_data(&message_));
    return {data, data + zmq_msg_size(&message_)};
  }
  std::string user_id() {
    const char* id = zmq_msg_gets(&message_, "User-Id");
    return id == nullptr ? std::string() : std::string(id);
  }

 private:
  zmq_msg_t message_;
};

bool receive_part(ZmqSocket& socket, Part& part) {
  int rc = -1;
  do rc = zmq_msg_recv(part.get(), socket.get(), ZMQ_DONTWAIT);
  while (rc < 0 && zmq_errno() == EINTR);
  return rc >= 0;
}

struct StoppedMonitor {
  ZmqSocket& socket;
  ~StoppedMonitor() { socket.stop_monitor(); }
};

int milliseconds(double seconds) { return std::max(1, static_cast<int>(seconds * 1000)); }

void configure_common(ZmqSocket& socket, const TransportConfig& config) {
  socket.set(ZMQ_LINGER, 0);
  socket.set(ZMQ_SNDHWM, kHighWaterMark);
  socket.set(ZMQ_RCVHWM, kHighWaterMark);
  socket.set(ZMQ_HANDSHAKE_IVL, 5000);
  socket.set(ZMQ_HEARTBEAT_IVL, milliseconds(config.heartbeat_s));
  socket.set(ZMQ_HEARTBEAT_TIMEOUT, milliseconds(config.peer_timeout_s));
  FENNEC_CHECK(zmq_setsockopt(socket.get(), ZMQ_MAXMSGSIZE, &kMaxFrameBytes, sizeof kMaxFrameBytes) ==
               0);
}

}  // namespace

ZmqContext::ZmqContext() {
  int major = 0, minor = 0, patch = 0;
  zmq_version(&major, &minor, &patch);
  if (std::array{major, minor, patch} < std::array{4, 3, 4})
    throw IoError("libzmq " + std::to_string(major) + "." + std::to_string(minor) + "." +
                  std::to_string(patch) + " has known remote faults; 4.3.4 or newer is needed");
  if (zmq_has("curve") != 1)
    throw IoError("this libzmq was built without CURVE; install one linked to libsodium");
  context_ = zmq_ctx_new();
  FENNEC_CHECK(context_ != nullptr);
}

ZmqContext::~ZmqContext() {
  while (zmq_ctx_term(context_) != 0 && zmq_errno() == EINTR) {
  }
}

ZmqSocket::ZmqSocket(void* context, int type) : socket_(zmq_socket(context, type)) {
  if (socket_ == nullptr)
    throw IoError(std::string("cannot create a ZeroMQ socket: ") + zmq_strerror(zmq_errno()));
  set(ZMQ_LINGER, 0);
}

ZmqSocket::~ZmqSocket() { zmq_close(socket_); }

void ZmqSocket::set(int option, int value) {
  if (zmq_setsockopt(socket_, option, &value, sizeof value) != 0)
    throw IoError("ZeroMQ option " + std::to_string(option) +
                  " was not taken: " + zmq_strerror(zmq_errno()));
}

void ZmqSocket::set(int option, const std::string& value) {
  if (zmq_setsockopt(socket_, option, value.data(), value.size()) != 0)
    throw IoError("ZeroMQ option " + std::to_string(option) +
                  " was not taken: " + zmq_strerror(zmq_errno()));
}

void ZmqSocket::bind(const std::string& endpoint) {
  if (zmq_bind(socket_, endpoint.c_str()) != 0)
    throw IoError("cannot listen on " + endpoint + ": " + zmq_strerror(zmq_errno()));
}

void ZmqSocket::connect(const std::string& endpoint) {
  if (zmq_connect(socket_, endpoint.c_str()) != 0)
    throw IoError("cannot connect to " + endpoint + ": " + zmq_strerror(zmq_errno()));
}

std::string ZmqSocket::last_endpoint() const {
  std::array<char, 256> text{};
  std::size_t size = text.size();
  FENNEC_CHECK(zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, text.data(), &size) == 0);
  return text.data();
}

bool ZmqSocket::readable() const {
  int events = 0;
  std::size_t size = sizeof events;
  int rc = -1;
  do rc = zmq_getsockopt(socket_, ZMQ_EVENTS, &events, &size);
  while (rc != 0 && zmq_errno() == EINTR);
  return rc == 0 && (events & ZMQ_POLLIN) != 0;
}

std::unique_ptr<ZmqSocket> ZmqSocket::monitor(void* context, const std::string& address, int events) {
  FENNEC_CHECK(zmq_socket_monitor(socket_, address.c_str(), events) == 0);
  auto reports = std::make_unique<ZmqSocket>(context, ZMQ_PAIR);
  reports->connect(address);
  return reports;
}

void ZmqSocket::stop_monitor() { zmq_socket_monitor(socket_, nullptr, 0); }

std::optional<ZmqMessage> receive(ZmqSocket& socket, std::size_t max_parts) {
  ZmqMessage message;
  for (bool more = true; more;) {
    Part part;
    if (!receive_part(socket, part)) return std::nullopt;  // parts of one message arrive together
    more = part.more();
    if (message.user_id.empty()) message.user_id = part.user_id();
    if (message.parts.size() < max_parts)
      message.parts.push_back(part.copy());
    else
      message.too_many_parts = true;
  }
  return message;
}

SendOutcome send(ZmqSocket& socket, std::span<const std::span<const std::byte>> parts) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Part part(parts[i]);
    const int flags = ZMQ_DONTWAIT | (i + 1 < parts.size() ? ZMQ_SNDMORE : 0);
    int rc = -1;
    do rc = zmq_msg_send(part.get(), socket.get(), flags);
    while (rc < 0 && zmq_errno() == EINTR);
    if (rc >= 0) continue;
    // The first part decides for the message; a later one fails only when the connection has just gone.
    return i == 0 && zmq_errno() == EAGAIN ? SendOutcome::kFull : SendOutcome::kUnreachable;
  }
  return SendOutcome::kSent;
}

std::optional<MonitorReport> receive_report(ZmqSocket& monitor) {
  const auto message = receive(monitor, 2);
  if (!message || message->parts.empty() || message->parts[0].size() != 6) return std::nullopt;
  std::uint16_t event = 0;
  std::int32_t value = 0;
  std::memcpy(&event, message->parts[0].data(), sizeof event);
  std::memcpy(&value, message->parts[0].data() + sizeof event, sizeof value);
  return MonitorReport{event, value};
}

void configure_server(ZmqSocket& socket, const TransportConfig& config, const Secret& secret_key) {
  configure_common(socket, config);
  socket.set(ZMQ_ZAP_DOMAIN, std::string("fennec"));
  socket.set(kZapEnforceDomain, 1);
  socket.set(ZMQ_CURVE_SERVER, 1);
  socket.set(ZMQ_CURVE_SECRETKEY, secret_key.reveal());
  socket.set(ZMQ_BACKLOG, 1024);
  socket.set(ZMQ_ROUTER_MANDATORY, 1);  // say when a client's queue is full instead of dropping
  if (config.listen.find('[') != std::string::npos) socket.set(ZMQ_IPV6, 1);
}

void configure_client(ZmqSocket& socket, const TransportConfig& config, const CurveKeyPair& keys,
                      const std::string& server_public_key) {
  configure_common(socket, config);
  socket.set(ZMQ_CURVE_SERVERKEY, server_public_key);
  socket.set(ZMQ_CURVE_PUBLICKEY, keys.public_key);
  socket.set(ZMQ_CURVE_SECRETKEY, keys.secret_key.reveal());
  socket.set(ZMQ_RECONNECT_IVL, -1);
}

void require_refusal_of_unknown_keys(void* context, const std::string& endpoint,
                                     const std::string& server_public_key) {
  const CurveKeyPair stranger = generate_curve_keys();
  ZmqSocket probe(context, ZMQ_DEALER);
  configure_client(probe, TransportConfig{}, stranger, server_public_key);
  if (endpoint.find('[') != std::string::npos) probe.set(ZMQ_IPV6, 1);
  const auto reports = probe.monitor(context, "inproc://fennec.self-test", ZMQ_EVENT_ALL);
  const StoppedMonitor stopped{probe};  // goes before `reports`
  reports->set(ZMQ_RCVTIMEO, 10000);
  probe.connect(endpoint);
  for (;;) {
    zmq_pollitem_t item = {reports->get(), 0, ZMQ_POLLIN, 0};
    const int ready = zmq_poll(&item, 1, 10000);
    if (ready < 0 && zmq_errno() == EINTR) continue;
    if (ready <= 0)
      throw IoError("self-test of " + endpoint +
                    ": no answer to a connection with an unknown key in 10 s");
    const auto report = receive_report(*reports);
    if (!report) continue;
    if (report->event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) return;
    if (report->event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
      throw IoError("self-test of " + endpoint +
                    ": an unknown key was admitted; this libzmq does not enforce authentication");
    if (report->event == ZMQ_EVENT_CLOSED || report->event == ZMQ_EVENT_DISCONNECTED)
      throw IoError("self-test of " + endpoint + ": the connection failed before authentication");
  }
}

}  // namespace fennec
