#include "coordinator/gateway.h"

#include <charconv>
#include <exception>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "coordinator/commit.h"
#include "core/log.h"

namespace fennec {

namespace asio = boost::asio;

namespace {

constexpr int kMostChunksAtOnce = 64;

std::string update_transfer(RoundId round) { return fmt::format("update/{}", round.value); }

std::string vector_transfer(const SecureVector& offer) { return "masked/" + offer.payload_sha256; }

/// The version that a transfer of this kind names.
std::optional<AdapterVersion> version_of(const std::string& transfer, std::string_view prefix) {
  if (!transfer.starts_with(prefix)) return std::nullopt;
  AdapterVersion version;
  const char* end = transfer.data() + transfer.size();
  const auto parsed = std::from_chars(transfer.data() + prefix.size(), end, version.value);
  return parsed.ec == std::errc() && parsed.ptr == end ? std::optional(version) : std::nullopt;
}

}  // namespace

Gateway::Gateway(asio::io_context& io, asio::thread_pool& compute, const TransportConfig& transport,
                 const CurveKeyPair& keys, const AllowList& allowed, AdmissionRules rules, Sink sink,
                 RefusalSink refused)
    : io_(io),
      compute_(compute),
      transport_(transport),
      rules_(std::move(rules)),
      sink_(std::move(sink)),
      refused_(std::move(refused)),
      link_(io, transport, keys, allowed,
            ServerLinkEvents{
                [this](const ClientId& client, Frame frame) { on_frame(client, std::move(frame)); },
                [this](const ClientId& client, const Error& error) {
                  if (sessions_[client].faults.next()) refused_(client, error);
                },
                [this](const ClientId& client) { on_lost(client); }}) {}

// ---- out

void Gateway::send(const ClientId& client, const Message& message) {
  link_.send(client, Frame{message, {}});
}

void Gateway::reject(const ClientId& client, RoundId round, const Error& error) {
  if (sessions_[client].faults.next()) {
    log::warn("client {}: update of round {} refused: {}", client.name, round.value, error.message);
    refused_(client, error);
  }
  send(client, UpdateRejected{round, error.code, error.message});
}

void Gateway::serve_adapter(AdapterVersion version, std::vector<std::byte> file,
                            std::vector<std::byte> step) {
  adapters_[version] = {std::move(file), std::move(step)};
  while (adapters_.size() > adapters_kept_) adapters_.erase(adapters_.begin());
}

void Gateway::revoke(const ClientId& client) {
  link_.send(client, Frame{Refused{ErrorCode::kNotAdmitted, "the enrolment was revoked"}, {}});
  link_.disconnect(client);
  sessions_.erase(client);
}

void Gateway::emit(RoundEvent event) {
  asio::post(io_, [this, event = std::move(event)] { sink_(event); });
}

// ---- in

void Gateway::on_frame(const ClientId& client, Frame frame) {
  Session& session = sessions_[client];
  if (const auto* hello = std::get_if<Hello>(&frame.message)) return on(client, *hello);
  if (std::holds_alternative<Goodbye>(frame.message)) {
    link_.disconnect(client);
    return on_lost(client);
  }
  if (!session.hello)
    return complain(client, Error{ErrorCode::kNotAdmitted, "a message before any hello"});
  if (!std::exchange(session.present, true))
    emit(ClientArrived{client, *session.hello});  // was silent, is back
  if (const auto* chunk = std::get_if<BulkChunk>(&frame.message))
    return on_chunk(client, *chunk, frame.payload);
  if (std::holds_alternative<SecureFrame>(frame.message))
    return emit(SecureFrameArrived{client, std::move(frame.payload)});
  std::visit(
      [&](const auto& message) {
        if constexpr (requires { on(client, message); })
          on(client, message);
        else
          complain(client, Error{ErrorCode::kMalformed, "a message only a coordinator sends"});
      },
      frame.message);
}

void Gateway::on_lost(const ClientId& client) {
  const auto found = sessions_.find(client);
  if (found == sessions_.end() || !std::exchange(found->second.present, false)) return;
  log::debug("client {}: lost", client.name);
  emit(ClientLost{client});
}

void Gateway::on(const ClientId& client, const Hello& hello) {
  if (const Result<void> admitted = check_hello(rules_, hello); !admitted) {
    complain(client, admitted.error());
    return send(client, Refused{admitted.error().code, admitted.error().message});
  }
  Session& session = sessions_[client];
  session.hello = hello;
  session.present = true;
  emit(ClientArrived{client, hello});
}

void Gateway::on(const ClientId& client, const UpdateOffer& offer) {
  if (const Result<void> fits = check_offer(rules_, offer, sessions_[client].hello->train_examples);
      !fits)
    return give_up(client, offer.round, fits.error());
  emit(OfferArrived{client, offer});
}

void Gateway::on(const ClientId& client, const EvaluationReport& report) {
  if (const Result<void> fits = check_report(report); !fits) {
    complain(client, Error{fits.error().code, "evaluation report refused: " + fits.error().message});
    return emit(TrainingFailedArrived{
        client, TrainingFailed{report.round, fits.error().code, fits.error().message}});
  }
  emit(EvaluationArrived{client, report});
}

void Gateway::on(const ClientId& client, const TrainingFailed& failed) {
  if (sessions_[client].faults.next())
    log::warn("client {}: could not do its part of round {}: {}", client.name, failed.round.value,
              failed.reason);
  emit(TrainingFailedArrived{client, failed});
}

// ---- secure aggregation

void Gateway::send_secure(const ClientId& client, RoundId round, std::vector<std::byte> frame) {
  link_.send(client, Frame{SecureFrame{round}, std::move(frame)});
}

void Gateway::on(const ClientId& client, const SecureReady& ready) {
  emit(SecureReadyArrived{client, ready});
}

void Gateway::on(const ClientId& client, const SecureVector& offer) {
  emit(SecureVectorOffered{client, offer});
}

void Gateway::fetch_vector(const ClientId& client, const SecureVector& offer) {
  auto& vector = sessions_[client].vector;
  const bool same = vector && vector->offer.payload_sha256 == offer.payload_sha256 &&
                    vector->offer.payload_bytes == offer.payload_bytes;
  if (!same)
    vector.emplace(VectorFetch{offer, BulkReceiver(vector_transfer(offer), offer.payload_bytes,
                                                   offer.payload_sha256, transport_.credit_chunks)});
  if (const std::optional<BulkRequest> request = vector->receiver.request()) send(client, *request);
}

void Gateway::on_vector_chunk(const ClientId& client, const BulkChunk& chunk,
                              const std::vector<std::byte>& bytes) {
  auto& vector = sessions_[client].vector;
  if (!vector || chunk.transfer != vector_transfer(vector->offer)) return;  // of a session that is over
  const Result<std::optional<BulkRequest>> next = vector->receiver.accept(chunk, bytes);
  if (!next) {
    vector.reset();
    return complain(client, next.error());
  }
  if (*next) send(client, **next);
  if (!vector->receiver.complete()) return;
  std::vector<std::byte> frame = std::move(vector->receiver).take();
  vector.reset();
  emit(SecureFrameArrived{client, std::move(frame)});
}

// ---- bulk transfer

const std::vector<std::byte>* Gateway::served(const std::string& transfer) const {
  for (const auto& [prefix, part] :
       {std::pair("adapter/", &Served::file), std::pair("step/", &Served::step)})
    if (const std::optional<AdapterVersion> version = version_of(transfer, prefix))
      if (const auto found = adapters_.find(*version);
          found != adapters_.end() && !(found->second.*part).empty())
        return &(found->second.*part);
  return nullptr;
}

void Gateway::on(const ClientId& client, const BulkRequest& request) {
  const std::vector<std::byte>* bytes = served(request.transfer);
  if (bytes == nullptr)
    return complain(client,
                    Error{ErrorCode::kNotFound,
                          fmt::format("asked for '{:.32}', which is not served", request.transfer)});
  BulkRequest bounded = request;
  bounded.chunks = std::min(bounded.chunks, kMostChunksAtOnce);
  const BulkSender sender(request.transfer, *bytes, transport_.chunk_bytes);
  const Result<std::int64_t> sent =
      sender.answer(bounded, [&](Frame chunk) { return link_.send(client, std::move(chunk)); });
  if (!sent) return complain(client, sent.error());
  payload_bytes_sent_ += *sent;
}

void Gateway::fetch(const ClientId& client, const UpdateOffer& offer) {
  Session& session = sessions_[client];
  const bool same = session.fetch && session.fetch->offer.round == offer.round &&
                    session.fetch->offer.payload_sha256 == offer.payload_sha256 &&
                    session.fetch->offer.payload_bytes == offer.payload_bytes;
  if (!same)
    session.fetch.emplace(Fetch{offer, BulkReceiver(update_transfer(offer.round), offer.payload_bytes,
                                                    offer.payload_sha256, transport_.credit_chunks)});
  if (const std::optional<BulkRequest> request = session.fetch->receiver.request())
    send(client, *request);
}

void Gateway::on_chunk(const ClientId& client, const BulkChunk& chunk,
                       const std::vector<std::byte>& bytes) {
  if (chunk.transfer.starts_with("masked/")) return on_vector_chunk(client, chunk, bytes);
  Session& session = sessions_[client];
  const bool expected = session.fetch && !session.fetch->checking &&
                        chunk.transfer == update_transfer(session.fetch->offer.round);
  if (!expected) return;  // of a fetch that is over: in flight when it ended
  const Result<std::optional<BulkRequest>> next = session.fetch->receiver.accept(chunk, bytes);
  if (!next) return give_up(client, session.fetch->offer.round, next.error());
  if (*next) send(client, **next);
  if (session.fetch->receiver.complete()) check_update(client, *session.fetch);
}

void Gateway::check_update(const ClientId& client, Fetch& fetch) {
  fetch.checking = true;
  std::vector<std::byte> bytes = std::move(fetch.receiver).take();
  asio::post(compute_, [this, client, offer = fetch.offer, bytes = std::move(bytes),
                        layout = rules_.layout, max_norm = rules_.max_norm,
                        half = half_of_round(rules_.travel, fetch.offer.round)]() mutable {
    std::optional<Error> fault;
    try {
      if (const Result<ParameterSet> delta = decode_update(offer, bytes, layout, max_norm, half);
          !delta)
        fault = delta.error();
    } catch (const std::exception& e) {  // out of memory: costs the sender its update, not the run
      fault =
          Error{ErrorCode::kMalformed, fmt::format("the update could not be decoded: {}", e.what())};
    }
    asio::post(io_,
               [this, client, offer, bytes = std::move(bytes), fault = std::move(fault)]() mutable {
                 checked(client, offer, std::move(bytes), fault);
               });
  });
}

void Gateway::checked(const ClientId& client, const UpdateOffer& offer, std::vector<std::byte> bytes,
                      const std::optional<Error>& fault) {
  const auto found = sessions_.find(client);
  if (found == sessions_.end()) return;  // revoked meanwhile
  if (fault) return give_up(client, offer.round, *fault);
  found->second.fetch.reset();
  found->second.update = std::move(bytes);
  sink_(UpdateArrived{client, offer});
}

std::vector<std::byte> Gateway::take_update(const ClientId& client) {
  return std::exchange(sessions_[client].update, {});
}

void Gateway::give_up(const ClientId& client, RoundId round, const Error& error) {
  sessions_[client].fetch.reset();
  reject(client, round, error);
  emit(TrainingFailedArrived{client, TrainingFailed{round, error.code, error.message}});
}

void Gateway::complain(const ClientId& client, const Error& error) {
  FaultCount& faults = sessions_[client].faults;
  if (!faults.next()) return;
  log::warn("client {}: refused: {} ({} so far)", client.name, error.message, faults.value());
  refused_(client, error);
}

}  // namespace fennec
