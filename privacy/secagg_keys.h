#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "core/digest.h"
#include "core/error.h"
#include "privacy/shamir.h"
#include "privacy/share_cipher.h"
#include "privacy/x25519.h"

namespace fennec {

/// What every derivation of a session is bound to: its id and the root over the signed adverts.
struct SecAggContext {
  Sha256Digest sid{};
  Sha256Digest root{};
};

/// One end of a pair: who it is and the public key it advertised.
struct SecAggPeer {
  std::uint32_t uid = 0;
  PublicKey key{};
};

// The derivations of secure aggregation (Bonawitz et al. 2017; Bell et al. 2020), each under a label of
// its own. kMalformed when the peer's key is of small order.

/// s_uv, the seed of a pair's mask: the same from both ends.
Result<SecretKey> pair_mask_seed(const SecAggContext& context, const SecretKey& mine,
                                 const SecAggPeer& me, const SecAggPeer& peer);
/// K_{me→peer} and K_{peer→me}: different keys, so that what is sent back opens as nothing.
struct ShareKeys {
  SecretKey sending, receiving;
};
Result<ShareKeys> share_keys(const SecAggContext& context, const SecretKey& mine, const SecAggPeer& me,
                             const SecAggPeer& peer);
/// The seed of u's own mask.
SecretKey self_mask_seed(const SecAggContext& context, std::uint32_t uid, const SecretKey& self_secret);

/// com_b: u is bound to its self secret before anyone holds a share of it.
Sha256Digest self_secret_commitment(const Sha256Digest& sid, std::uint32_t uid,
                                    const SecretKey& self_secret);
/// A directional key encrypts one plaintext, so its nonce can be derived.
GcmNonce share_nonce(const Sha256Digest& sid, std::uint32_t from, std::uint32_t to);
/// What a sealed pair of shares is bound to.
std::vector<std::byte> share_associated_data(const SecAggContext& context, std::uint32_t from,
                                             std::uint32_t to, std::uint32_t degree,
                                             std::uint32_t threshold);

enum class ShareKind : std::uint8_t {
  kSelfSecret = 1,  ///< of b_u: revealed for a client whose vector is in the sum
  kMaskKey = 2,     ///< of s_sk_u: revealed for a client that dropped out before
};
using ShareHash = std::array<std::byte, 16>;
/// By which the server finds out who revealed a wrong share.
ShareHash share_hash(ShareKind kind, const Sha256Digest& sid, std::uint32_t owner, std::uint32_t holder,
                     const SecretShare& share);

}  // namespace fennec
