#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/digest.h"
#include "core/error.h"
#include "privacy/secagg_bytes.h"
#include "privacy/secagg_frame.h"
#include "privacy/secagg_keys.h"
#include "privacy/secagg_members.h"
#include "privacy/secagg_params.h"

namespace fennec {

// The payloads of the steps. Each has one encoding; decode() takes nothing else, and allocates at most
// what came.

inline constexpr std::size_t kSharePlainBytes = 4 + 4 + 4 + 2 * kShareBytes;
inline constexpr std::size_t kSealedShareBytes = kSharePlainBytes + kGcmTagBytes;

struct OpenMessage {
  SecAggParams params;
  std::uint64_t round = 0;  ///< of the session: rises with every attempt
  Sha256Digest model{};     ///< SHA-256 of the adapter bytes trained from
  ServerNonce nonce{};
  std::vector<std::byte> roster;  ///< signed
};

/// A client's fresh keys; its signature makes it evidence for the neighbours.
struct Advert {
  PublicKey share_key{};           ///< c_pk, for the sealed shares
  PublicKey mask_key{};            ///< s_pk, for the pair masks
  Sha256Digest self_commitment{};  ///< com_b
  Signature signature{};           ///< over ("adv", sid, uid, the rest)
};
Signature sign_advert(const Sha256Digest& sid, std::uint32_t uid, const Advert& advert,
                      const SigningKey& key);
bool is_signed(const Sha256Digest& sid, std::uint32_t uid, const Advert& advert, const PublicKey& key);
Sha256Digest advert_leaf(std::uint32_t uid, const Advert& advert);  ///< of the Merkle tree

struct AdvertiseMessage {
  Advert advert;
};

struct CohortMessage {
  struct Neighbour {
    std::uint32_t uid = 0;
    Advert advert;
    std::vector<Sha256Digest> path;
  };
  MemberBitmap members;  ///< U1
  Sha256Digest root{};
  std::vector<Sha256Digest> own_path;
  std::vector<Neighbour> neighbours;  ///< ascending uid
};

/// What one client sends another through the server.
struct SealedShares {
  std::uint32_t peer = 0;  ///< the receiver's uid in kShares, the sender's in kForward
  std::array<std::byte, kSealedShareBytes> sealed{};
  ShareHash self_hash{}, mask_hash{};
};
struct SharesMessage {
  std::vector<SealedShares> shares;  ///< ascending uid
};
struct ForwardMessage {
  MemberBitmap sharers;              ///< U2
  std::vector<SealedShares> shares;  ///< ascending uid
};

struct MaskedMessage {
  Sha256Digest sharers{};  ///< H(U2)
  std::uint64_t length = 0;
  Sha256Digest vector{};  ///< SHA-256 of the masked vector that follows the frame
};

struct SurvivorsMessage {
  MemberBitmap survivors;  ///< U3
  Sha256Digest hash{};     ///< H3
};
struct ConsentMessage {
  Signature signature{};  ///< over H3
};
struct ProofMessage {
  struct Entry {
    std::uint32_t uid = 0;
    Signature signature{};
  };
  std::vector<Entry> consents;  ///< ascending uid
};
Signature sign_survivors(const Sha256Digest& hash, const SigningKey& key);
bool consents(const Sha256Digest& hash, const Signature& signature, const PublicKey& key);

struct UnmaskMessage {
  struct Entry {
    std::uint32_t uid = 0;
    ShareKind kind = ShareKind::kSelfSecret;  ///< one of the two, never both
    SecretShare share;
  };
  std::vector<Entry> shares;  ///< ascending uid
};

struct AbortMessage {
  SecAggAbort reason = SecAggAbort::kMalformed;
  std::uint32_t culprit = 0;  ///< uid, or 0
};

std::vector<std::byte> encode(const OpenMessage& m);
std::vector<std::byte> encode(const AdvertiseMessage& m);
std::vector<std::byte> encode(const CohortMessage& m);
std::vector<std::byte> encode(const SharesMessage& m);
std::vector<std::byte> encode(const ForwardMessage& m);
std::vector<std::byte> encode(const MaskedMessage& m);
std::vector<std::byte> encode(const SurvivorsMessage& m);
std::vector<std::byte> encode(const ConsentMessage& m);
std::vector<std::byte> encode(const ProofMessage& m);
std::vector<std::byte> encode(const UnmaskMessage& m);
std::vector<std::byte> encode(const AbortMessage& m);

/// kMalformed unless the payload is exactly one message M.
template <class M>
Result<M> decode(std::span<const std::byte> payload);

}  // namespace fennec
