#include "privacy/secagg_messages.h"

#include "privacy/merkle_tree.h"

namespace fennec {
namespace {

void write(ByteWriter& out, const Advert& advert) {
  out.raw(advert.share_key);
  out.raw(advert.mask_key);
  out.raw(advert.self_commitment);
  out.raw(advert.signature);
}

void write_sized(ByteWriter& out, std::span<const std::byte> bytes) {
  out.u32(static_cast<std::uint32_t>(bytes.size()));
  out.raw(bytes);
}

void write_path(ByteWriter& out, const std::vector<Sha256Digest>& path) {
  out.u8(static_cast<std::uint8_t>(path.size()));
  for (const Sha256Digest& partner : path) out.raw(partner);
}

void write(ByteWriter& out, const std::vector<SealedShares>& shares) {
  out.u32(static_cast<std::uint32_t>(shares.size()));
  for (const SealedShares& s : shares) {
    out.u32(s.peer);
    out.raw(s.sealed);
    out.raw(s.self_hash);
    out.raw(s.mask_hash);
  }
}

std::vector<std::byte> advert_text(const Sha256Digest& sid, std::uint32_t uid, const Advert& advert) {
  ByteWriter text;
  text.raw(sid);
  text.u32(uid);
  text.raw(advert.share_key);
  text.raw(advert.mask_key);
  text.raw(advert.self_commitment);
  return text.take();
}

}  // namespace

Signature sign_advert(const Sha256Digest& sid, std::uint32_t uid, const Advert& advert,
                      const SigningKey& key) {
  return key.sign(secagg_label("adv"), advert_text(sid, uid, advert));
}

bool is_signed(const Sha256Digest& sid, std::uint32_t uid, const Advert& advert, const PublicKey& key) {
  return verify(key, secagg_label("adv"), advert_text(sid, uid, advert), advert.signature);
}

Sha256Digest advert_leaf(std::uint32_t uid, const Advert& advert) {
  ByteWriter item;
  item.u32(uid);
  write(item, advert);
  return merkle_leaf(item.bytes());
}

Signature sign_survivors(const Sha256Digest& hash, const SigningKey& key) {
  return key.sign(secagg_label("consent"), hash);
}

bool consents(const Sha256Digest& hash, const Signature& signature, const PublicKey& key) {
  return verify(key, secagg_label("consent"), hash, signature);
}

std::vector<std::byte> encode(const OpenMessage& m) {
  ByteWriter out;
  write(out, m.params);
  out.u64(m.round);
  out.raw(m.model);
  out.raw(m.nonce);
  write_sized(out, m.roster);
  return out.take();
}

std::vector<std::byte> encode(const AdvertiseMessage& m) {
  ByteWriter out;
  write(out, m.advert);
  return out.take();
}

std::vector<std::byte> encode(const CohortMessage& m) {
  ByteWriter out;
  write_sized(out, m.members);
  out.raw(m.root);
  write_path(out, m.own_path);
  out.u32(static_cast<std::uint32_t>(m.neighbours.size()));
  for (const CohortMessage::Neighbour& n : m.neighbours) {
    out.u32(n.uid);
    write(out, n.advert);
    write_path(out, n.path);
  }
  return out.take();
}

std::vector<std::byte> encode(const SharesMessage& m) {
  ByteWriter out;
  write(out, m.shares);
  return out.take();
}

std::vector<std::byte> encode(const ForwardMessage& m) {
  ByteWriter out;
  write_sized(out, m.sharers);
  write(out, m.shares);
  return out.take();
}

std::vector<std::byte> encode(const MaskedMessage& m) {
  ByteWriter out;
  out.raw(m.sharers);
  out.u64(m.length);
  out.raw(m.vector);
  return out.take();
}

std::vector<std::byte> encode(const SurvivorsMessage& m) {
  ByteWriter out;
  write_sized(out, m.survivors);
  out.raw(m.hash);
  return out.take();
}

std::vector<std::byte> encode(const ConsentMessage& m) {
  ByteWriter out;
  out.raw(m.signature);
  return out.take();
}

std::vector<std::byte> encode(const ProofMessage& m) {
  ByteWriter out;
  out.u32(static_cast<std::uint32_t>(m.consents.size()));
  for (const ProofMessage::Entry& entry : m.consents) {
    out.u32(entry.uid);
    out.raw(entry.signature);
  }
  return out.take();
}

std::vector<std::byte> encode(const UnmaskMessage& m) {
  ByteWriter out;
  out.u32(static_cast<std::uint32_t>(m.shares.size()));
  for (const UnmaskMessage::Entry& entry : m.shares) {
    out.u32(entry.uid);
    out.u8(static_cast<std::uint8_t>(entry.kind));
    out.raw(entry.share.bytes());
  }
  return out.take();
}

std::vector<std::byte> encode(const AbortMessage& m) {
  ByteWriter out;
  out.u8(static_cast<std::uint8_t>(m.reason));
  out.u32(m.culprit);
  return out.take();
}

}  // namespace fennec
