#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/admission.h"
#include "coordinator/round_engine.h"
#include "core/fault_count.h"
#include "transport/bulk_transfer.h"
#include "transport/server_link.h"

namespace boost::asio {
class io_context;
class thread_pool;
}  // namespace boost::asio

namespace fennec {

/// Between frames and the round engine: one session a client. Turns what arrives into RoundEvents after
/// checking it, fetches updates and sends adapters in chunks. What a client gets wrong costs that
/// client its update and one log line; nobody else notices. Io thread only; update bytes are decoded on
/// `compute`.
class Gateway {
 public:
  using Sink = std::function<void(const RoundEvent&)>;
  using RefusalSink = std::function<void(const ClientId&, const Error&)>;

  /// @param sink  never called from inside a call of the gateway
  Gateway(boost::asio::io_context& io, boost::asio::thread_pool& compute,
          const TransportConfig& transport, const CurveKeyPair& keys, const AllowList& allowed,
          AdmissionRules rules, Sink sink, RefusalSink refused);

  void send(const ClientId& client, const Message& message);
  void reject(const ClientId& client, RoundId round,
              const Error& error);                               ///< UpdateRejected and the log line
  void fetch(const ClientId& client, const UpdateOffer& offer);  ///< again for the same offer: resumes
  void send_secure(const ClientId& client, RoundId round, std::vector<std::byte> frame);
  void fetch_vector(const ClientId& client, const SecureVector& offer);  ///< then SecureFrameArrived
  void complain(const ClientId& client, const Error& error);  ///< counted against it, and logged
  /// The bytes of an update that has been announced by UpdateArrived.
  std::vector<std::byte> take_update(const ClientId& client);
  /// And the few before it.  @param step  encoded, from the version before; may be empty
  void serve_adapter(AdapterVersion version, std::vector<std::byte> file, std::vector<std::byte> step);
  void keep_adapters(std::size_t count) { adapters_kept_ = count; }  ///< 2 unless told
  void revoke(const ClientId& client);

  const std::string& endpoint() const { return link_.endpoint(); }
  std::int64_t payload_bytes_sent() const { return payload_bytes_sent_; }

 private:
  struct Served {
    std::vector<std::byte> file, step;
  };
  struct Fetch {
    UpdateOffer offer;
    BulkReceiver receiver;
    bool checking = false;
  };
  struct VectorFetch {
    SecureVector offer;
    BulkReceiver receiver;
  };
  struct Session {
    std::optional<Hello> hello;  ///< accepted
    bool present = false;        ///< the engine has been told
    std::optional<Fetch> fetch;
    std::optional<VectorFetch> vector;
    std::vector<std::byte> update;  ///< checked, waiting for take_update
    FaultCount faults;
  };

  /// The bytes of "adapter/<version>" or "step/<version>"; null when they are not served.
  const std::vector<std::byte>* served(const std::string& transfer) const;
  void on_frame(const ClientId& client, Frame frame);
  void on_lost(const ClientId& client);
  void on(const ClientId& client, const Hello& hello);
  void on(const ClientId& client, const UpdateOffer& offer);
  void on(const ClientId& client, const EvaluationReport& report);
  void on(const ClientId& client, const TrainingFailed& failed);
  void on(const ClientId& client, const BulkRequest& request);
  void on(const ClientId& client, const SecureReady& ready);
  void on(const ClientId& client, const SecureVector& offer);
  void on_chunk(const ClientId& client, const BulkChunk& chunk, const std::vector<std::byte>& bytes);
  void on_vector_chunk(const ClientId& client, const BulkChunk& chunk,
                       const std::vector<std::byte>& bytes);
  void check_update(const ClientId& client, Fetch& fetch);
  void checked(const ClientId& client, const UpdateOffer& offer, std::vector<std::byte> bytes,
               const std::optional<Error>& fault);
  void give_up(const ClientId& client, RoundId round,
               const Error& error);  ///< reject, and the round goes on without it
  void emit(RoundEvent event);

  boost::asio::io_context& io_;
  boost::asio::thread_pool& compute_;
  TransportConfig transport_;
  AdmissionRules rules_;
  Sink sink_;
  RefusalSink refused_;
  std::map<ClientId, Session> sessions_;
  std::map<AdapterVersion, Served> adapters_;
  std::size_t adapters_kept_ = 2;
  std::int64_t payload_bytes_sent_ = 0;
  ServerLink link_;  ///< last: its events use the rest
};

}  // namespace fennec
