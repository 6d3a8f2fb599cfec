#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/digest.h"
#include "core/error.h"
#include "transport/wire.h"

namespace fennec {

/// Sends one blob in answer to BulkRequests; keeps no position, so a receiver may resume at any offset.
/// Borrows the bytes. Sans-IO.
class BulkSender {
 public:
  BulkSender(std::string transfer, std::span<const std::byte> bytes, std::int64_t chunk_bytes);
  /// Makes the chunks asked for one at a time and hands each to `send`, which says whether there is
  /// room for more. @return bytes sent; kMalformed when the request is out of range.
  Result<std::int64_t> answer(const BulkRequest& request, const std::function<bool(Frame)>& send) const;

 private:
  std::string transfer_;
  std::span<const std::byte> bytes_;
  std::int64_t chunk_bytes_;
};

/// Receives one blob of known size and digest, `credit` chunks in flight, in order. Sans-IO. Allocates
/// as bytes arrive, never from a length field beyond `total_bytes`.
class BulkReceiver {
 public:
  BulkReceiver(std::string transfer, std::int64_t total_bytes, std::string sha256_hex, int credit);
  /// What to ask now: at the start, after a reconnect (resume), never when complete.
  std::optional<BulkRequest> request();
  /// Takes a chunk. Chunks that were already received are ignored. The returned request, if any, keeps
  /// the credit up. kMalformed: gap, overflow, wrong size, or wrong digest at the end (everything is
  /// then forgotten; after the others what was received stands and request() resumes).
  Result<std::optional<BulkRequest>> accept(const BulkChunk& chunk, std::span<const std::byte> payload);
  bool complete() const;
  std::int64_t received() const { return static_cast<std::int64_t>(bytes_.size()); }
  std::vector<std::byte> take() &&;  ///< the blob, when complete

 private:
  Result<std::optional<BulkRequest>> finish();
  std::optional<BulkRequest> top_up(std::int64_t chunk_bytes);

  std::string transfer_, sha256_hex_;
  std::int64_t total_bytes_;
  int credit_, outstanding_ = 0;
  bool complete_ = false;
  std::vector<std::byte> bytes_;
};

}  // namespace fennec
