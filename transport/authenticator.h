#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/ids.h"

namespace fennec {

/// Enrolled public keys → names. Any thread. Replaced as a whole, so a revocation is atomic.
class AllowList {
 public:
  void replace(std::map<std::string, ClientId> by_public_key);
  std::optional<ClientId> find(const std::string& public_key_z85) const;
  bool contains(const ClientId& client) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, ClientId> by_key_;
};

/// The ZAP handler (ZeroMQ RFC 27) of one ZeroMQ context: admits only CURVE clients on the allow-list
/// and hands their public key on as User-Id, so that each frame can be checked against the list of the
/// moment. Own thread; constructed and confirmed running before any server socket binds.
class Authenticator {
 public:
  Authenticator(void* zmq_context, const AllowList& allowed);
  ~Authenticator();
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;
  bool alive() const;   ///< false: stop accepting
  void log_refusals();  ///< from now on; the start-up self-test before it is no news

 private:
  struct Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace fennec
