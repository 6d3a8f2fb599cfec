#include "client/secure_seat.h"

#include <chrono>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/digest.h"
#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "privacy/secagg_frame.h"

namespace fennec {
namespace {

/// Validity of keys is a matter of the calendar.
std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

const SigningIdentity& signing_of(const EnrolmentBundle& bundle) {
  if (!bundle.signing)
    throw IoError("the bundle of '" + bundle.client +
                  "' has no signing identity, which secure aggregation needs; enrol the device again");
  return *bundle.signing;
}

/// Names the settings that the device's refusals follow from. What it runs its base model in is its
/// own.
std::string settings_digest(const Experiment& experiment) {
  Experiment settings = experiment;
  settings.model.base_precision = ModelConfig{}.base_precision;
  return experiment_hash(settings);
}

/// The settings come from the coordinator: once sums were made under them they stay as they are.
void check_settings(const std::filesystem::path& file, const nlohmann::json& json,
                    const std::string& settings) {
  const auto found = json.find("settings");
  if (found != json.end() && *found != settings)
    throw IoError(file.string() +
                  ": the coordinator's settings are not those this device has made sums under; "
                  "enrol the device again");
}

SecureMemory read_memory(const std::filesystem::path& file, const SigningIdentity& signing,
                         const std::string& settings) {
  SecureMemory memory;
  memory.sessions.roster_epoch = signing.roster_epoch;
  if (!std::filesystem::exists(file)) return memory;
  const auto json = nlohmann::json::parse(read_text_file(file), nullptr, false);
  const auto number = [&](const char* name, bool may_lack = false) {
    const auto found = json.is_object() ? json.find(name) : json.end();
    if (may_lack && json.is_object() && found == json.end()) return std::uint64_t{0};
    if (!json.is_object() || found == json.end() || !found->is_number_unsigned())
      throw IoError(file.string() + ": field '" + name + "' is missing or not a whole number");
    return found->get<std::uint64_t>();
  };
  memory.sessions.last_round = number("session");
  check_settings(file, json, settings);
  memory.sessions.roster_epoch = std::max(number("roster_epoch"), signing.roster_epoch);
  memory.spent_seed = number("spent_seed");
  memory.releases = static_cast<std::int64_t>(number("releases", true));  // older files count none
  return memory;
}

}  // namespace

SecureSeat::SecureSeat(const EnrolmentBundle& bundle, const Experiment& experiment, LayoutPtr layout,
                       std::string base_digest, std::filesystem::path memory, const RunLog& log,
                       Send send)
    : chunk_bytes_(experiment.transport.chunk_bytes),
      memory_file_(std::move(memory)),
      settings_(settings_digest(experiment)),
      log_(log),
      send_(std::move(send)),
      member_(secure_identity(signing_of(bundle)), experiment, std::move(layout),
              std::move(base_digest), read_memory(memory_file_, signing_of(bundle), settings_),
              entropy_, unix_now) {}

SecureReady SecureSeat::hold(const RoundPlan& plan, TrainedUpdate update) {
  forget();
  values_ = update.delta.size();
  member_.hold({plan.round, plan.seed, plan.adapter_sha256, std::move(update.delta),
                update.offer.supervised_tokens, update.report.mean_loss});
  return {plan.round, plan.version, plan.seed};
}

void SecureSeat::forget() {
  member_.forget();
  masked_.clear();
  transfer_.clear();
}

void SecureSeat::on_frame(const SecureFrame& message, std::span<const std::byte> frame) {
  SecureAnswer answer = member_.handle(frame);
  if (answer.remember) remember(*answer.remember);
  if (answer.clipped) log_.masked(message.round, *answer.clipped, values_);
  for (std::vector<std::byte>& made : answer.frames) send_frame(message.round, std::move(made));
  if (answer.abort)
    return log_.not_summed(message.round, std::string(to_string(*answer.abort)), answer.reason);
  if (answer.spent) return log_.summed(message.round);
  const bool asked_again = answer.frames.empty() && answer.reason.empty() && !masked_.empty();
  if (asked_again) offer_vector(message.round);
  if (!answer.reason.empty())
    log::debug("a frame of secure aggregation was ignored: {}", answer.reason);
}

void SecureSeat::remember(const SecureMemory& memory) const {
  const nlohmann::ordered_json json = {{"session", memory.sessions.last_round},
                                       {"roster_epoch", memory.sessions.roster_epoch},
                                       {"spent_seed", memory.spent_seed},
                                       {"releases", static_cast<std::uint64_t>(memory.releases)},
                                       {"settings", settings_}};
  write_file_atomically(memory_file_, json.dump() + "\n");
}

void SecureSeat::send_frame(RoundId round, std::vector<std::byte> frame) {
  const auto read = read_frame(frame);
  FENNEC_CHECK(read.has_value(), "a frame of our own");
  if (read->step != SecAggStep::kMasked) {
    send_(Frame{SecureFrame{round}, std::move(frame)});
    return;
  }
  masked_ = std::move(frame);
  offer_vector(round);
}

void SecureSeat::offer_vector(RoundId round) {
  const std::string digest = to_hex(sha256(masked_));
  transfer_ = "masked/" + digest;
  send_(Frame{SecureVector{round, static_cast<std::int64_t>(masked_.size()), digest}, {}});
}

bool SecureSeat::on_request(const BulkRequest& request) {
  if (transfer_.empty() || request.transfer != transfer_) return false;
  const BulkSender sender(transfer_, masked_, chunk_bytes_);
  const auto sent = sender.answer(request, send_);
  if (!sent) log::warn("a request of the coordinator was refused: {}", sent.error().message);
  return true;
}

}  // namespace fennec
