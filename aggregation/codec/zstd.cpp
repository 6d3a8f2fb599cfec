#include <zstd.h>

#include "aggregation/codec/stages.h"

namespace fennec {
namespace {

/// One Zstandard frame (RFC 8878) that tells its content size.
class Zstd final : public Compressor {
 public:
  explicit Zstd(int level) : level_(level) {}

  std::vector<std::byte> compress(std::span<const std::byte> bytes) const override {
    std::vector<std::byte> out(ZSTD_compressBound(bytes.size()));
    const std::size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), level_);
    FENNEC_CHECK(ZSTD_isError(size) == 0, ZSTD_getErrorName(size));
    out.resize(size);
    return out;
  }

  Result<std::vector<std::byte>> decompress(std::span<const std::byte> bytes,
                                            std::size_t most) const override {
    const unsigned long long told = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
    if (told == ZSTD_CONTENTSIZE_ERROR || told == ZSTD_CONTENTSIZE_UNKNOWN || told > most)
      return fail(ErrorCode::kMalformed,
                  "the update's compressed part does not tell a size that its layout allows");
    if (ZSTD_findFrameCompressedSize(bytes.data(), bytes.size()) != bytes.size())
      return fail(ErrorCode::kMalformed, "the update's compressed part is not one whole frame");
    std::vector<std::byte> out(static_cast<std::size_t>(told));
    const std::size_t size = ZSTD_decompress(out.data(), out.size(), bytes.data(), bytes.size());
    if (ZSTD_isError(size) != 0 || size != out.size())
      return fail(ErrorCode::kMalformed, "the update's compressed part is damaged");
    return out;
  }

 private:
  int level_;
};

}  // namespace

std::unique_ptr<Compressor> make_zstd(int level) { return std::make_unique<Zstd>(level); }

}  // namespace fennec
