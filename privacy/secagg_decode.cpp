#include "privacy/secagg_messages.h"

namespace fennec {
namespace {

constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kAdvertBytes = 32 + 32 + 32 + 64;
constexpr std::size_t kMostPath = 20;

Advert read_advert(ByteReader& in) {
  Advert advert;
  advert.share_key = in.array<32>();
  advert.mask_key = in.array<32>();
  advert.self_commitment = in.array<32>();
  advert.signature = in.array<64>();
  return advert;
}

std::vector<std::byte> read_sized(ByteReader& in) {
  const auto bytes = in.raw(in.u32());
  return {bytes.begin(), bytes.end()};
}

std::vector<Sha256Digest> read_path(ByteReader& in) {
  const std::size_t size = in.u8();
  if (size > kMostPath) in.refuse();
  std::vector<Sha256Digest> path;
  for (std::size_t i = 0; i < size && in.ok(); ++i) path.push_back(in.array<kDigestBytes>());
  return path;
}

/// A list of items of `item_bytes` each (at least), whose count is believed only as far as bytes came.
template <class Item, class Read>
std::vector<Item> read_list(ByteReader& in, std::size_t item_bytes, Read read) {
  std::vector<Item> items;
  const std::size_t count = in.u32();
  if (count > in.left() / item_bytes) {
    in.refuse();
    return items;
  }
  items.reserve(count);
  for (std::size_t i = 0; i < count && in.ok(); ++i) items.push_back(read(in));
  return items;
}

/// One order, hence nobody twice.
template <class Items, class Uid>
void require_ascending(ByteReader& in, const Items& items, Uid uid) {
  for (std::size_t i = 1; i < items.size(); ++i)
    if (uid(items[i]) <= uid(items[i - 1])) in.refuse();
}

constexpr std::size_t kShareEntryBytes = 4 + kSealedShareBytes + 16 + 16;

std::vector<SealedShares> read_shares(ByteReader& in) {
  auto shares = read_list<SealedShares>(in, kShareEntryBytes, [](ByteReader& r) {
    SealedShares s;
    s.peer = r.u32();
    r.fill(s.sealed);
    s.self_hash = r.array<16>();
    s.mask_hash = r.array<16>();
    return s;
  });
  require_ascending(in, shares, [](const SealedShares& s) { return s.peer; });
  return shares;
}

void read(ByteReader& in, OpenMessage& m) {
  m.params = read_params(in);
  m.round = in.u64();
  m.model = in.array<32>();
  m.nonce = in.array<32>();
  m.roster = read_sized(in);
}
void read(ByteReader& in, AdvertiseMessage& m) { m.advert = read_advert(in); }
void read(ByteReader& in, CohortMessage& m) {
  m.members = read_sized(in);
  m.root = in.array<32>();
  m.own_path = read_path(in);
  m.neighbours = read_list<CohortMessage::Neighbour>(in, 4 + kAdvertBytes + 1, [](ByteReader& r) {
    CohortMessage::Neighbour n;
    n.uid = r.u32();
    n.advert = read_advert(r);
    n.path = read_path(r);
    return n;
  });
  require_ascending(in, m.neighbours, [](const CohortMessage::Neighbour& n) { return n.uid; });
}
void read(ByteReader& in, SharesMessage& m) { m.shares = read_shares(in); }
void read(ByteReader& in, ForwardMessage& m) {
  m.sharers = read_sized(in);
  m.shares = read_shares(in);
}
void read(ByteReader& in, MaskedMessage& m) {
  m.sharers = in.array<32>();
  m.length = in.u64();
  m.vector = in.array<32>();
}
void read(ByteReader& in, SurvivorsMessage& m) {
  m.survivors = read_sized(in);
  m.hash = in.array<32>();
}
void read(ByteReader& in, ConsentMessage& m) { m.signature = in.array<64>(); }
void read(ByteReader& in, ProofMessage& m) {
  m.consents = read_list<ProofMessage::Entry>(in, 4 + 64, [](ByteReader& r) {
    ProofMessage::Entry entry;
    entry.uid = r.u32();
    entry.signature = r.array<64>();
    return entry;
  });
  require_ascending(in, m.consents, [](const ProofMessage::Entry& e) { return e.uid; });
}
void read(ByteReader& in, UnmaskMessage& m) {
  m.shares = read_list<UnmaskMessage::Entry>(in, 4 + 1 + kShareBytes, [](ByteReader& r) {
    UnmaskMessage::Entry entry;
    entry.uid = r.u32();
    const std::uint8_t kind = r.u8();
    if (kind != 1 && kind != 2) r.refuse();
    entry.kind = static_cast<ShareKind>(kind);
    r.fill(entry.share.bytes());
    if (!is_canonical(entry.share)) r.refuse();
    return entry;
  });
  require_ascending(in, m.shares, [](const UnmaskMessage::Entry& e) { return e.uid; });
}
void read(ByteReader& in, AbortMessage& m) {
  const std::uint8_t reason = in.u8();
  if (reason == 0 || reason > kLastAbort) in.refuse();
  m.reason = static_cast<SecAggAbort>(reason);
  m.culprit = in.u32();
}

}  // namespace

template <class M>
Result<M> decode(std::span<const std::byte> payload) {
  ByteReader in(payload);
  M message;
  read(in, message);
  if (in.finished()) return message;
  return fail(ErrorCode::kMalformed, "a secure aggregation payload that is not what its step says");
}

template Result<OpenMessage> decode<OpenMessage>(std::span<const std::byte>);
template Result<AdvertiseMessage> decode<AdvertiseMessage>(std::span<const std::byte>);
template Result<CohortMessage> decode<CohortMessage>(std::span<const std::byte>);
template Result<SharesMessage> decode<SharesMessage>(std::span<const std::byte>);
template Result<ForwardMessage> decode<ForwardMessage>(std::span<const std::byte>);
template Result<MaskedMessage> decode<MaskedMessage>(std::span<const std::byte>);
template Result<SurvivorsMessage> decode<SurvivorsMessage>(std::span<const std::byte>);
template Result<ConsentMessage> decode<ConsentMessage>(std::span<const std::byte>);
template Result<ProofMessage> decode<ProofMessage>(std::span<const std::byte>);
template Result<UnmaskMessage> decode<UnmaskMessage>(std::span<const std::byte>);
template Result<AbortMessage> decode<AbortMessage>(std::span<const std::byte>);

}  // namespace fennec
