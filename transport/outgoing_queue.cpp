#include "transport/outgoing_queue.h"

#include <utility>

namespace fennec {

bool OutgoingQueue::push(Frame&& frame) {
  Encoded message{encode_header(frame.message), std::move(frame.payload)};
  const std::size_t size = message.header.size() + message.payload.size();
  if (messages_.size() >= kMaxMessages || bytes_ + size > kMaxBytes) return false;
  bytes_ += size;
  messages_.push_back(std::move(message));
  return true;
}

SendOutcome OutgoingQueue::flush(ZmqSocket& socket, const std::string& route) {
  while (!messages_.empty()) {
    const Encoded& next = messages_.front();
    std::vector<std::span<const std::byte>> parts;
    if (!route.empty()) parts.push_back(std::as_bytes(std::span(route)));
    parts.emplace_back(next.header);
    if (!next.payload.empty()) parts.emplace_back(next.payload);
    const SendOutcome outcome = send(socket, parts);
    if (outcome != SendOutcome::kSent) return outcome;
    bytes_ -= next.header.size() + next.payload.size();
    messages_.pop_front();
  }
  return SendOutcome::kSent;
}

void OutgoingQueue::clear() {
  messages_.clear();
  bytes_ = 0;
}

}  // namespace fennec
