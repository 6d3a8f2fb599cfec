#include "transport/bulk_transfer.h"

#include <algorithm>
#include <utility>

namespace fennec {

BulkSender::BulkSender(std::string transfer, std::span<const std::byte> bytes, std::int64_t chunk_bytes)
    : transfer_(std::move(transfer)), bytes_(bytes), chunk_bytes_(chunk_bytes) {
  FENNEC_CHECK(chunk_bytes > 0);
}

Result<std::int64_t> BulkSender::answer(const BulkRequest& request,
                                        const std::function<bool(Frame)>& send) const {
  const auto total = static_cast<std::int64_t>(bytes_.size());
  if (request.transfer != transfer_) return fail(ErrorCode::kMalformed, "request for another transfer");
  if (request.offset < 0 || request.offset >= total || request.chunks < 1)
    return fail(ErrorCode::kMalformed, transfer_ + ": request at " + std::to_string(request.offset) +
                                           " of " + std::to_string(total) + " bytes");
  std::int64_t offset = request.offset;
  for (int i = 0; i < request.chunks && offset < total; ++i) {
    const std::int64_t size = std::min(chunk_bytes_, total - offset);
    const auto part = bytes_.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
    if (!send({BulkChunk{transfer_, offset, total}, {part.begin(), part.end()}})) break;
    offset += size;
  }
  return offset - request.offset;
}

BulkReceiver::BulkReceiver(std::string transfer, std::int64_t total_bytes, std::string sha256_hex,
                           int credit)
    : transfer_(std::move(transfer)),
      sha256_hex_(std::move(sha256_hex)),
      total_bytes_(total_bytes),
      credit_(std::max(credit, 1)) {
  FENNEC_CHECK(total_bytes >= 0);
  if (total_bytes_ == 0) complete_ = to_hex(sha256(bytes_)) == sha256_hex_;
}

std::optional<BulkRequest> BulkReceiver::request() {
  if (received() >= total_bytes_) return std::nullopt;
  outstanding_ = credit_;
  return BulkRequest{transfer_, received(), credit_};
}

Result<std::optional<BulkRequest>> BulkReceiver::accept(const BulkChunk& chunk,
                                                        std::span<const std::byte> payload) {
  const auto size = static_cast<std::int64_t>(payload.size());
  if (chunk.transfer != transfer_) return fail(ErrorCode::kMalformed, "chunk of another transfer");
  if (chunk.total_bytes != total_bytes_)
    return fail(ErrorCode::kMalformed, transfer_ + ": a chunk says " +
                                           std::to_string(chunk.total_bytes) + " bytes in all, " +
                                           std::to_string(total_bytes_) + " were announced");
  if (chunk.offset < 0 || size == 0 || chunk.offset > total_bytes_ - size)
    return fail(ErrorCode::kMalformed, transfer_ + ": chunk outside the transfer");
  if (chunk.offset < received()) return std::nullopt;  // already here: a repeat from before a reconnect
  if (chunk.offset > received())
    return fail(ErrorCode::kMalformed, transfer_ + ": gap at byte " + std::to_string(received()));
  bytes_.insert(bytes_.end(), payload.begin(), payload.end());
  outstanding_ = std::max(outstanding_ - 1, 0);
  if (received() == total_bytes_) return finish();
  return top_up(size);
}

Result<std::optional<BulkRequest>> BulkReceiver::finish() {
  complete_ = to_hex(sha256(bytes_)) == sha256_hex_;
  if (complete_) return std::nullopt;
  bytes_.clear();
  return fail(ErrorCode::kMalformed, transfer_ + ": the bytes do not have the announced SHA-256");
}

std::optional<BulkRequest> BulkReceiver::top_up(std::int64_t chunk_bytes) {
  if (outstanding_ > credit_ / 2)
    return std::nullopt;  // ask in halves of the credit, not for every chunk
  const std::int64_t next = received() + outstanding_ * chunk_bytes;
  if (next >= total_bytes_) return std::nullopt;
  const int chunks = credit_ - outstanding_;
  outstanding_ = credit_;
  return BulkRequest{transfer_, next, chunks};
}

std::vector<std::byte> BulkReceiver::take() && {
  FENNEC_CHECK(complete_);
  return std::move(bytes_);
}

bool BulkReceiver::complete() const { return complete_; }

}  // namespace fennec
