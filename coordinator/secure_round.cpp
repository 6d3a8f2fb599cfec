#include "coordinator/secure_round.h"

#include <algorithm>

#include <fmt/format.h>

namespace fennec {
namespace {

constexpr std::int64_t kFrameBytes = 1024;  // a masked frame's head and signature, and some more

}  // namespace

SecureRound::SecureRound(std::vector<Group> groups, Duration phase) : phase_(phase) {
  for (Group& group : groups) {
    for (const auto& [uid, client] : group.members) {
      const bool once = seats_.emplace(client, Seat{sessions_.size(), uid}).second;
      FENNEC_CHECK(once, "a device in two groups");
    }
    sessions_.push_back({std::move(group)});
  }
}

// ---- what happens

SecureReaction SecureRound::open(TimePoint now) {
  SecureReaction out;
  for (Session& session : sessions_) {
    session.deadline = now + phase_;
    put(session, session.group.server->open(), out);
  }
  return out;
}

SecureReaction SecureRound::handle(const ClientId& client, std::span<const std::byte> frame,
                                   TimePoint now) {
  SecureReaction out;
  const auto seat = seats_.find(client);
  if (seat == seats_.end()) {
    out.faults.emplace_back(client, "a frame of secure aggregation from outside its cohort");
    return out;
  }
  bytes_up_ += static_cast<std::int64_t>(frame.size());
  Session& session = sessions_[seat->second.session];
  take(session, session.group.server->handle(seat->second.uid, frame), now, out);
  return out;
}

SecureReaction SecureRound::expire(TimePoint now) {
  SecureReaction out;
  for (Session& session : sessions_)
    if (!session.group.server->is_over() && session.deadline <= now && !out.failure)
      take(session, session.group.server->close_phase(), now, out);
  return out;
}

SecureReaction SecureRound::drop(const ClientId& client, TimePoint now) {
  SecureReaction out;
  const auto seat = seats_.find(client);
  if (seat == seats_.end()) return out;
  Session& session = sessions_[seat->second.session];
  take(session, session.group.server->drop(seat->second.uid), now, out);
  return out;
}

void SecureRound::take(Session& session, SecAggServerReaction made, TimePoint now,
                       SecureReaction& out) {
  const auto& members = session.group.members;
  if (made.advanced) session.deadline = now + phase_;
  for (SecAggFault& fault : made.faults)
    out.faults.emplace_back(members.at(fault.uid), std::move(fault.what));
  put(session, std::move(made.send), out);
  if (!made.failure || out.failure) return;
  SecureFailure failure{made.failure->reason, std::nullopt, std::move(made.failure->why)};
  if (const auto who = members.find(made.failure->culprit); who != members.end())
    failure.culprit = who->second;
  out.failure = std::move(failure);
}

void SecureRound::put(const Session& session, std::vector<SecAggOutgoing> frames, SecureReaction& out) {
  for (SecAggOutgoing& made : frames) {
    if (made.frame.size() > kMostSecureFrameBytes && !out.failure)
      out.failure = SecureFailure{
          SecAggAbort::kRoster, std::nullopt,
          fmt::format("a frame of {} bytes does not fit a message: too many devices are enrolled",
                      made.frame.size())};
    bytes_down_ += static_cast<std::int64_t>(made.frame.size());
    out.send.emplace_back(session.group.members.at(made.uid), std::move(made.frame));
  }
}

// ---- what is known

bool SecureRound::wants(const ClientId& client, const SecureVector& offer) const {
  const auto seat = seats_.find(client);
  if (seat == seats_.end()) return false;
  const SecAggServer& server = *sessions_[seat->second.session].group.server;
  if (server.awaited_step() != SecAggStep::kMasked) return false;
  const auto vector_bytes = static_cast<std::int64_t>(server.params().coding.length()) * 4;
  return offer.payload_bytes > vector_bytes && offer.payload_bytes <= vector_bytes + kFrameBytes;
}

std::optional<std::vector<std::byte>> SecureRound::last_frame(const ClientId& client) const {
  const auto seat = seats_.find(client);
  if (seat == seats_.end()) return std::nullopt;
  return sessions_[seat->second.session].group.server->last_frame(seat->second.uid);
}

bool SecureRound::finished() const {
  return std::all_of(sessions_.begin(), sessions_.end(),
                     [](const Session& s) { return s.group.server->is_finished(); });
}

std::optional<TimePoint> SecureRound::next_deadline() const {
  std::optional<TimePoint> next;
  for (const Session& session : sessions_)
    if (!session.group.server->is_over() && (!next || session.deadline < *next))
      next = session.deadline;
  return next;
}

std::vector<SecureSum> SecureRound::sums() const {
  FENNEC_CHECK(finished());
  std::vector<SecureSum> out;
  for (const Session& session : sessions_) {
    const SecAggServer& server = *session.group.server;
    SecureSum sum;
    sum.coding = server.params().coding;
    sum.max_weight = server.params().max_weight;
    sum.sid = server.sid();
    sum.transcript = server.transcript();
    for (const std::uint32_t uid : server.survivors())
      sum.survivors.push_back(session.group.members.at(uid));
    std::sort(sum.survivors.begin(), sum.survivors.end());
    sum.sum.assign(server.sum().begin(), server.sum().end());
    out.push_back(std::move(sum));
  }
  return out;
}

std::size_t SecureRound::answered() const {
  std::size_t n = 0;
  for (const Session& session : sessions_) n += session.group.server->answered();
  return n;
}

std::size_t SecureRound::awaited() const {
  std::size_t n = 0;
  for (const Session& session : sessions_) n += session.group.server->awaited();
  return n;
}

}  // namespace fennec
