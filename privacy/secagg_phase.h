#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "privacy/secagg_session.h"

namespace fennec {

struct SecAggOutgoing {
  std::uint32_t uid = 0;
  std::vector<std::byte> frame;
};

struct SecAggFailure {
  SecAggAbort reason = SecAggAbort::kMalformed;
  std::uint32_t culprit = 0;  ///< uid, 0 when nobody in particular
  std::string why;
};

class SecAggPhase;
/// What the end of a phase leads to: the next one, the result (neither next nor failure), or an abort.
struct SecAggTransition {
  std::vector<SecAggOutgoing> send;
  std::unique_ptr<SecAggPhase> next;
  std::optional<SecAggFailure> failure;
};

/// One step of the server: it collects one kind of message. The server (secagg_server.h) has checked
/// sender, session, signature and repetition before accept(). A client that does not answer is no
/// error; close() says whether those who did are enough.
class SecAggPhase {
 public:
  virtual ~SecAggPhase() = default;
  virtual SecAggStep step() const = 0;                            ///< what clients send in it
  virtual const std::vector<std::uint32_t>& awaited() const = 0;  ///< who may, ascending
  /// kMalformed, or kMismatch, with nothing changed by what was refused.
  virtual Result<void> accept(std::uint32_t uid, const SecAggFrame& frame) = 0;
  virtual bool has(std::uint32_t uid) const = 0;       ///< accepted
  virtual bool is_satisfied() const { return false; }  ///< no need to wait for the rest
  virtual SecAggTransition close() = 0;

 protected:
  static SecAggTransition abort(SecAggAbort reason, std::string why, std::uint32_t culprit = 0) {
    SecAggTransition transition;
    transition.failure = SecAggFailure{reason, culprit, std::move(why)};
    return transition;
  }
};

// In their order. Each borrows the session.
std::unique_ptr<SecAggPhase> make_advertise_phase(SecAggSession& session);
std::unique_ptr<SecAggPhase> make_share_phase(SecAggSession& session);
std::unique_ptr<SecAggPhase> make_mask_phase(SecAggSession& session);
std::unique_ptr<SecAggPhase> make_consistency_phase(SecAggSession& session);
std::unique_ptr<SecAggPhase> make_unmask_phase(SecAggSession& session);

}  // namespace fennec
