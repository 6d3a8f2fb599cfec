#pragma once
#include <doctest/doctest.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "tests/coordinator/small_run.h"
#include "transport/bulk_transfer.h"
#include "transport/client_link.h"
#include "transport/keys.h"

namespace fennec::test {

/// A client without a model, over the real encrypted link: says hello, answers plans with fake updates
/// and reports, serves its bytes. `spoil` makes it a bad one.
class LoopbackClient {
 public:
  using Spoil = std::function<void(FakeUpdate&)>;

  LoopbackClient(boost::asio::io_context& io, const TransportConfig& transport,
                 const std::filesystem::path& bundle, LayoutPtr layout, std::string base_digest,
                 Spoil spoil = {})
      : bundle_(read_bundle(bundle)),
        layout_(std::move(layout)),
        base_digest_(std::move(base_digest)),
        spoil_(std::move(spoil)),
        chunk_bytes_(transport.chunk_bytes),
        link_(io, transport, bundle_, events()) {}

  std::vector<UpdateRejected> rejected;
  std::vector<Refused> refused;
  int accepted = 0, adapters = 0, handshakes_refused = 0;
  bool finished = false;
  void send(const Message& message) { link_.send(Frame{message, {}}); }

 private:
  ClientLinkEvents events() {
    return {[this] { hello(); }, [] {}, [this](Frame frame) { receive(frame); }, [](const Error&) {},
            [this] { ++handshakes_refused; }};
  }
  void hello() {
    Hello hello;
    hello.run_id = bundle_.run_id;
    hello.base_digest = base_digest_;
    hello.train_examples = 5;
    send(hello);
  }
  void receive(const Frame& frame) {
    if (const auto* plan = std::get_if<RoundPlan>(&frame.message)) follow(*plan);
    if (const auto* request = std::get_if<BulkRequest>(&frame.message)) serve(*request);
    if (const auto* chunk = std::get_if<BulkChunk>(&frame.message)) take(*chunk, frame.payload);
    if (const auto* message = std::get_if<UpdateRejected>(&frame.message)) rejected.push_back(*message);
    if (const auto* message = std::get_if<Refused>(&frame.message)) refused.push_back(*message);
    if (std::holds_alternative<UpdateAccepted>(frame.message)) ++accepted;
    if (!std::holds_alternative<Finished>(frame.message)) return;
    finished = true;
    send(Goodbye{});
  }
  void follow(const RoundPlan& plan) {
    if (plan.kind == PlanKind::kEvaluate) {
      EvaluationReport report;
      report.round = plan.round;
      report.version = plan.version;
      report.num_examples = 1;
      report.supervised_tokens = 10;
      return send(report);
    }
    plan_ = plan;
    if (plan.version.value == 0) return train();
    adapter_.emplace("adapter/" + std::to_string(plan.version.value), plan.adapter_bytes,
                     plan.adapter_sha256, 4);
    send(*adapter_->request());
  }
  void take(const BulkChunk& chunk, const std::vector<std::byte>& bytes) {
    const auto next = adapter_->accept(chunk, bytes);
    if (next && *next) send(**next);
    if (!adapter_->complete()) return;
    ++adapters;
    train();
  }
  void train() {
    update_ = fake_update(layout_, bundle_.client, plan_.round, plan_.version);
    if (spoil_) spoil_(update_);
    send(update_.offer);
  }
  void serve(const BulkRequest& request) {
    const BulkSender sender(request.transfer, update_.bytes, chunk_bytes_);
    CHECK(sender.answer(request, [this](Frame chunk) { return link_.send(std::move(chunk)); }));
  }

  EnrolmentBundle bundle_;
  LayoutPtr layout_;
  std::string base_digest_;
  Spoil spoil_;
  std::int64_t chunk_bytes_;
  RoundPlan plan_;
  FakeUpdate update_;
  std::optional<BulkReceiver> adapter_;
  ClientLink link_;
};

}  // namespace fennec::test
