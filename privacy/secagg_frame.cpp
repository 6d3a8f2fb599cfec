#include "privacy/secagg_frame.h"

#include "privacy/secagg_bytes.h"

namespace fennec {
namespace {

constexpr std::array<std::byte, 4> kFrameMagic = {std::byte{'F'}, std::byte{'S'}, std::byte{'A'},
                                                  std::byte{'1'}};
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kSignatureBytes = std::tuple_size_v<Signature>;

std::string frame_label() { return secagg_label("frame"); }

}  // namespace

std::string_view to_string(SecAggStep step) {
  constexpr std::array<std::string_view, kLastStep + 1> kNames = {
      "open",      "advertise", "cohort", "shares", "forward", "masked",
      "survivors", "consent",   "proof",  "unmask", "abort"};
  return kNames.at(static_cast<std::size_t>(step));
}

std::string_view to_string(SecAggAbort abort) {
  constexpr std::array<std::string_view, kLastAbort + 1> kNames = {
      "unknown", "malformed",   "policy",      "roster", "share",     "equivocation",
      "too-few", "consistency", "reconstruct", "range",  "non-finite"};
  return kNames.at(static_cast<std::size_t>(abort));
}

bool SecAggFrame::is_signed_by(const PublicKey& key) const {
  return verify(key, frame_label(), signed_part, signature);
}

std::vector<std::byte> seal_frame(SecAggStep step, const Sha256Digest& sid, std::uint32_t uid,
                                  std::span<const std::byte> payload, const SigningKey& key) {
  FENNEC_CHECK(payload.size() <= kMostFramePayload);
  ByteWriter out;
  out.raw(kFrameMagic);
  out.u8(kVersion);
  out.u8(static_cast<std::uint8_t>(step));
  out.raw(sid);
  out.u32(uid);
  out.u32(static_cast<std::uint32_t>(payload.size()));
  out.raw(payload);
  out.raw(key.sign(frame_label(), out.bytes()));
  return out.take();
}

Result<SecAggFrame> read_frame(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  SecAggFrame frame;
  if (in.array<4>() != kFrameMagic)
    return fail(ErrorCode::kMalformed, "not a secure aggregation frame");
  if (const std::uint8_t version = in.u8(); version != kVersion)
    return fail(ErrorCode::kVersion, "secure aggregation version " + std::to_string(version) +
                                         ", this program speaks " + std::to_string(kVersion));
  const std::uint8_t step = in.u8();
  frame.sid = in.array<32>();
  frame.uid = in.u32();
  const std::size_t size = in.u32();
  if (!in.ok() || step > kLastStep || size > kMostFramePayload)
    return fail(ErrorCode::kMalformed, "a secure aggregation frame with an impossible header");
  frame.step = static_cast<SecAggStep>(step);
  frame.payload = in.raw(size);
  frame.signed_part = bytes.first(bytes.size() - in.left());
  frame.signature = in.array<kSignatureBytes>();
  if (!in.ok()) return fail(ErrorCode::kMalformed, "a truncated secure aggregation frame");
  if (!in.finished() && frame.step != SecAggStep::kMasked)
    return fail(ErrorCode::kMalformed, "a secure aggregation frame with something after it");
  frame.tail = in.raw(in.left());
  return frame;
}

}  // namespace fennec
