#include <zmq.h>

#include <limits>

#include "aggregation/codec.h"
#include "core/base_digest.h"
#include "core/digest.h"
#include "core/lora_layout.h"
#include "tests/e2e/federation.h"
#include "tests/support/recording_proxy.h"
#include "transport/wire.h"
#include "transport/zmq_socket.h"

#include "tests/support/doctest_torch.h"

using namespace fennec;
using namespace fennec::test;

namespace {

/// An enrolled device with a modified program: speaks the protocol by hand, over the real socket.
class Mallory {
 public:
  explicit Mallory(const EnrolmentBundle& bundle) : socket_(context_.get(), ZMQ_DEALER) {
    configure_client(socket_, {}, bundle.keys, bundle.server_public_key);
    socket_.set(ZMQ_RECONNECT_IVL, 50);  // the coordinator may not listen yet
    socket_.connect(bundle.endpoint);
  }
  void send(const Message& message, const std::vector<std::byte>& payload = {}) {
    const auto header = encode_header(message);
    payload.empty() ? send_parts({header}) : send_parts({header, payload});
  }
  void send_parts(const std::vector<std::vector<std::byte>>& parts) {
    for (std::size_t i = 0; i < parts.size(); ++i)
      REQUIRE(zmq_send(socket_.get(), parts[i].data(), parts[i].size(),
                       i + 1 < parts.size() ? ZMQ_SNDMORE : 0) >= 0);
  }
  /// The next message of this type; others are passed over.
  template <class M>
  M expect() {
    for (;;) {
      zmq_pollitem_t item = {socket_.get(), 0, ZMQ_POLLIN, 0};
      REQUIRE(zmq_poll(&item, 1, 60000) == 1);
      const auto message = receive(socket_, 2);
      REQUIRE(message);
      const auto header = decode_header(message->parts[0]);
      REQUIRE(header);
      if (const auto* wanted = std::get_if<M>(&*header)) return *wanted;
      REQUIRE_FALSE(std::holds_alternative<Finished>(*header));
    }
  }
  /// Takes the next training plan and answers it with these bytes as an update.
  UpdateRejected offer(UpdateOffer offer, const std::vector<std::byte>& bytes) {
    const auto plan = expect_training();
    offer.round = plan.round;
    offer.base_version.value += plan.version.value;
    send(offer);
    return upload(plan.round, bytes);
  }
  RoundPlan expect_training() {
    for (;;) {
      const auto plan = expect<RoundPlan>();
      if (plan.kind == PlanKind::kTrain) return plan;
      EvaluationReport report;
      report.round = plan.round;
      report.version = plan.version;
      send(report);
    }
  }

 private:
  /// Serves what is asked until the verdict comes.
  UpdateRejected upload(RoundId round, const std::vector<std::byte>& bytes) {
    const BulkChunk chunk{"update/" + std::to_string(round.value), 0,
                          static_cast<std::int64_t>(bytes.size())};
    for (;;) {
      zmq_pollitem_t item = {socket_.get(), 0, ZMQ_POLLIN, 0};
      REQUIRE(zmq_poll(&item, 1, 60000) == 1);
      const auto message = receive(socket_, 2);
      const auto header = decode_header(message->parts[0]);
      REQUIRE(header);
      if (std::holds_alternative<BulkRequest>(*header)) send(chunk, bytes);
      if (const auto* rejected = std::get_if<UpdateRejected>(&*header)) return *rejected;
      REQUIRE_FALSE(std::holds_alternative<UpdateAccepted>(*header));
    }
  }

  ZmqContext context_;
  ZmqSocket socket_;
};

LayoutPtr layout_of(const Federation& federation) {
  return lora_layout(select_targets(linears_of_checkpoint(federation.file("base")), {"all-linear"}), 2);
}

UpdateOffer honest_offer(const LayoutPtr& layout, const std::vector<std::byte>& bytes) {
  UpdateOffer offer;
  offer.codec = "fp32";
  offer.layout_digest = layout->digest();
  offer.num_examples = offer.supervised_tokens = 10;
  offer.payload_bytes = static_cast<std::int64_t>(bytes.size());
  offer.payload_sha256 = to_hex(sha256(bytes));
  return offer;
}

bool ended_well(Process& process) {
  return eventually([&] { return process.ended().has_value(); }) && process.ended() == 0;
}

}  // namespace

TEST_CASE("what a hostile device sends is refused with a line each, and the others finish") {
  Federation federation(2, 5, ", cohort_size: 3, min_updates: 2");
  federation.enroll("mallory");
  const LayoutPtr layout = layout_of(federation);
  ParameterSet zeros(layout), poison(layout);
  poison.values()[3] = std::numeric_limits<float>::quiet_NaN();
  const auto codec = make_codec("fp32");
  const auto good = codec->encode(zeros), bad = codec->encode(poison);

  Process coordinator = federation.serve();
  Process a = federation.client(0), b = federation.client(1);
  Mallory mallory(read_bundle(federation.bundle("mallory")));
  Hello hello;
  hello.base_digest = base_model_digest(federation.file("base"));
  hello.train_examples = 5;
  const EnrolmentBundle bundle = read_bundle(federation.bundle("mallory"));

  hello.run_id = "another run";
  mallory.send(hello);
  CHECK(mallory.expect<Refused>().code == ErrorCode::kMismatch);
  hello.run_id = bundle.run_id;
  hello.protocol = kProtocol + 1;
  mallory.send(hello);
  CHECK(mallory.expect<Refused>().code == ErrorCode::kVersion);
  hello.protocol = kProtocol;
  mallory.send(hello);
  mallory.expect<Welcome>();
  mallory.send_parts({std::vector<std::byte>(100, std::byte{0xff})});
  mallory.send_parts({std::vector<std::byte>(70000)});

  CHECK(mallory.offer(honest_offer(layout, bad), bad).code == ErrorCode::kNumeric);
  const std::vector<std::byte> half(good.begin(),
                                    good.begin() + static_cast<std::ptrdiff_t>(good.size() / 2));
  CHECK(mallory.offer(honest_offer(layout, half), half).code == ErrorCode::kMalformed);
  UpdateOffer stale = honest_offer(layout, good);
  stale.base_version = {7};
  const UpdateRejected outdated = mallory.offer(stale, good);
  CHECK(outdated.code == ErrorCode::kStale);
  mallory.send(TrainingFailed{outdated.round, ErrorCode::kStale,
                              "gives up"});  // else it may still send the right one
  UpdateOffer large = honest_offer(layout, good);
  large.payload_bytes = std::int64_t{1} << 40;
  CHECK(mallory.offer(large, good).code == ErrorCode::kMalformed);
  UpdateOffer foreign = honest_offer(layout, good);
  foreign.layout_digest = std::string(64, '0');
  CHECK(mallory.offer(foreign, good).code == ErrorCode::kMismatch);

  const auto last = mallory.expect<RoundPlan>();  // the evaluation of the result waits for everybody
  EvaluationReport report;
  report.round = last.round;
  report.version = last.version;
  mallory.send(report);
  CAPTURE(federation.client_log(0));
  CHECK(ended_well(a));
  CHECK(ended_well(b));
  CHECK(ended_well(coordinator));
  const std::string log = federation.coordinator_log();
  CAPTURE(log);
  CHECK(occurrences(log, "mallory") >= 8);
  for (const char* reason :
       {"run", "protocol", "header", "finite", "starts from adapter version", "at most", "layout"}) {
    CAPTURE(std::string(reason));
    CHECK(log.find(reason) != std::string::npos);
  }
}

TEST_CASE("an unknown key and a wrong server key get nowhere; a revoked device is told and stays out") {
  Federation federation(2, 1, ", cohort_size: 1");
  Process coordinator = federation.serve();
  const EnrolmentBundle real = read_bundle(federation.bundle("c0"));
  write_bundle(
      federation.file("stranger.bundle"),
      {real.run_id, "c0", real.endpoint, real.server_public_key, generate_curve_keys(), real.base});
  Process stranger = federation.client(0, federation.file("stranger.bundle"));
  CHECK(eventually([&] { return stranger.ended().has_value(); }));
  CHECK(stranger.ended() == 1);
  CHECK(stranger.output().find("not admit") != std::string::npos);
  CHECK(federation.coordinator_log().find("is not enrolled") != std::string::npos);

  write_bundle(federation.file("misled.bundle"), {real.run_id,
                                                  "c0",
                                                  real.endpoint,
                                                  generate_curve_keys().public_key,
                                                  {real.keys.public_key, real.keys.secret_key.clone()},
                                                  real.base});
  Process misled = federation.client(0, federation.file("misled.bundle"));
  CHECK(eventually([&] { return misled.ended().has_value(); }));
  CHECK(misled.ended() == 1);

  federation.coordinator_command({"revoke", federation.run().string(), "c0"});
  REQUIRE(eventually(
      [&] { return federation.coordinator_log().find("client c0: revoked") != std::string::npos; }));
  Process revoked = federation.client(0);
  CHECK(eventually([&] { return revoked.ended().has_value(); }));
  CHECK(revoked.ended() == 1);

  Process good = federation.client(1);
  CHECK(ended_well(good));
  CHECK(ended_well(coordinator));
}

TEST_CASE("a tap on the wire sees neither prompts nor adapters") {
  Federation federation(1, 1, ", cohort_size: 1");
  Process coordinator = federation.serve();
  EnrolmentBundle bundle = read_bundle(federation.bundle("c0"));
  const RecordingProxy proxy(port_of(bundle.endpoint));
  bundle.endpoint = "tcp://127.0.0.1:" + std::to_string(proxy.port());
  write_bundle(federation.file("tapped.bundle"), bundle);
  Process client = federation.client(0, federation.file("tapped.bundle"));
  CHECK(ended_well(client));
  CHECK(ended_well(coordinator));
  const std::string tap = proxy.recorded();
  const auto adapter = federation.adapter(1);  // fetched for the last evaluation
  REQUIRE(tap.size() > adapter.size());
  CHECK(tap.find("CURVE") != std::string::npos);  // the tap works
  for (const char* text : {"secretlevel", "state:", "update_offer", "round_plan", "lora_A",
                           "safetensors", "local_steps"}) {
    CAPTURE(std::string(text));
    CHECK(tap.find(text) == std::string::npos);
  }
  for (std::size_t at = 0; at + 16 <= adapter.size(); at += 512) {
    const std::string window(reinterpret_cast<const char*>(adapter.data()) + at, 16);
    if (window.find_first_not_of(window[0]) != std::string::npos)
      CHECK((tap.find(window) == std::string::npos));
  }
}
