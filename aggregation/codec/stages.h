#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "aggregation/codec.h"
#include "aggregation/codec/byte_io.h"
#include "aggregation/codec_config.h"

namespace fennec {

/// Values ⇄ bytes; how many there are is known from outside.
class ValueCoder {
 public:
  virtual ~ValueCoder() = default;
  virtual void encode(std::span<const float> values, Seed draws, std::vector<std::byte>& out) const = 0;
  /// kMalformed when the bytes end early or could not have been written by encode(); kNumeric for a
  /// scale that is not finite.
  virtual Result<void> decode(ByteReader& in, std::span<float> values) const = 0;
};

/// Which elements travel.
class Selector {
 public:
  virtual ~Selector() = default;
  /// Writes what the receiver needs to know, and returns the positions, ascending and distinct.
  virtual std::vector<std::uint32_t> select(std::span<const float> values, const EncodeSeeds& seeds,
                                            std::vector<std::byte>& out) const = 0;
  /// Positions below `size`, ascending and distinct. kMalformed.
  virtual Result<std::vector<std::uint32_t>> read(ByteReader& in, std::size_t size) const = 0;
};

/// Bytes ⇄ fewer bytes.
class Compressor {
 public:
  virtual ~Compressor() = default;
  virtual std::vector<std::byte> compress(std::span<const std::byte> bytes) const = 0;
  /// kMalformed when damaged, or when it would give more than `most` bytes: told before any is written.
  virtual Result<std::vector<std::byte>> decompress(std::span<const std::byte> bytes,
                                                    std::size_t most) const = 0;
};

#define FENNEC_DECLARE(name, ...) std::unique_ptr<ValueCoder> make_##name();
FENNEC_VALUE_CODERS(FENNEC_DECLARE)
#undef FENNEC_DECLARE
#define FENNEC_DECLARE(name, ...) std::unique_ptr<Selector> make_##name(double share);
FENNEC_SELECTORS(FENNEC_DECLARE)
#undef FENNEC_DECLARE
#define FENNEC_DECLARE(name, ...) std::unique_ptr<Compressor> make_##name(int level);
FENNEC_COMPRESSORS(FENNEC_DECLARE)
#undef FENNEC_DECLARE

/// How many of `size` elements a share is: at least one of any.
std::size_t share_of(double share, std::size_t size);

inline tl::unexpected<Error> ends_early(const char* what) {
  return fail(ErrorCode::kMalformed, std::string("the update ends within its ") + what);
}

}  // namespace fennec
