// A header that decodes encodes to bytes that decode to the same bytes again.
#include "core/error.h"
#include "fuzz/input.h"
#include "transport/wire.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message = fennec::decode_header(fennec::fuzz::to_bytes(data, size));
  if (!message) return 0;
  const auto bytes = fennec::encode_header(*message);
  const auto again = fennec::decode_header(bytes);
  FENNEC_CHECK(again.has_value() && fennec::encode_header(*again) == bytes);
  return 0;
}
