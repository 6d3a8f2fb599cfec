#include "privacy/secagg_keys.h"

#include <algorithm>

#include "privacy/hkdf.h"
#include "privacy/secagg_bytes.h"

namespace fennec {
namespace {

void put(ByteWriter& info, const SecAggPeer& a, const SecAggPeer& b) {
  info.u32(a.uid);
  info.u32(b.uid);
  info.raw(a.key);
  info.raw(b.key);
}

}  // namespace

Result<SecretKey> pair_mask_seed(const SecAggContext& context, const SecretKey& mine,
                                 const SecAggPeer& me, const SecAggPeer& peer) {
  const Result<SecretKey> shared = x25519(mine, peer.key);
  if (!shared) return tl::unexpected<Error>(shared.error());
  ByteWriter info(secagg_label("mask"));
  info.raw(context.root);
  me.uid < peer.uid ? put(info, me, peer) : put(info, peer, me);
  return hkdf_key(shared->bytes(), context.sid, info.bytes());
}

Result<ShareKeys> share_keys(const SecAggContext& context, const SecretKey& mine, const SecAggPeer& me,
                             const SecAggPeer& peer) {
  const Result<SecretKey> shared = x25519(mine, peer.key);
  if (!shared) return tl::unexpected<Error>(shared.error());
  const auto from_to = [&](const SecAggPeer& from, const SecAggPeer& to) {
    ByteWriter info(secagg_label("enc"));
    info.raw(context.root);
    put(info, from, to);
    return hkdf_key(shared->bytes(), context.sid, info.bytes());
  };
  return ShareKeys{from_to(me, peer), from_to(peer, me)};
}

SecretKey self_mask_seed(const SecAggContext& context, std::uint32_t uid,
                         const SecretKey& self_secret) {
  ByteWriter info(secagg_label("self"));
  info.raw(context.root);
  info.u32(uid);
  return hkdf_key(self_secret.bytes(), context.sid, info.bytes());
}

Sha256Digest self_secret_commitment(const Sha256Digest& sid, std::uint32_t uid,
                                    const SecretKey& self_secret) {
  ByteWriter head(secagg_label("comb"));
  head.raw(sid);
  head.u32(uid);
  Sha256 hash;
  hash.update(head.bytes());
  hash.update(self_secret.bytes());
  return hash.finish();
}

GcmNonce share_nonce(const Sha256Digest& sid, std::uint32_t from, std::uint32_t to) {
  ByteWriter text(secagg_label("nonce"));
  text.raw(sid);
  text.u32(from);
  text.u32(to);
  const Sha256Digest digest = sha256(text.bytes());
  GcmNonce nonce{};
  std::copy_n(digest.begin(), nonce.size(), nonce.begin());
  return nonce;
}

std::vector<std::byte> share_associated_data(const SecAggContext& context, std::uint32_t from,
                                             std::uint32_t to, std::uint32_t degree,
                                             std::uint32_t threshold) {
  ByteWriter text(secagg_label("share"));
  text.raw(context.sid);
  text.raw(context.root);
  text.u32(from);
  text.u32(to);
  text.u32(degree);
  text.u32(threshold);
  return text.take();
}

ShareHash share_hash(ShareKind kind, const Sha256Digest& sid, std::uint32_t owner, std::uint32_t holder,
                     const SecretShare& share) {
  ByteWriter head(secagg_label(kind == ShareKind::kSelfSecret ? "sc/b" : "sc/s"));
  head.raw(sid);
  head.u32(owner);
  head.u32(holder);
  Sha256 hash;
  hash.update(head.bytes());
  hash.update(share.bytes());
  const Sha256Digest digest = hash.finish();
  ShareHash out{};
  std::copy_n(digest.begin(), out.size(), out.begin());
  return out;
}

}  // namespace fennec
