#include <doctest/doctest.h>

#include <fstream>
#include <limits>
#include <string>

#include <nlohmann/json.hpp>

#include "core/digest.h"
#include "privacy/mask_stream.h"
#include "privacy/quantize_kernel.h"
#include "privacy/secagg_bytes.h"
#include "privacy/secagg_graph.h"
#include "privacy/secagg_keys.h"
#include "tests/support/hex.h"
#include "tests/support/shared.h"

using namespace fennec;
using fennec::test::array_from_hex;
using fennec::test::from_hex;
using nlohmann::json;

namespace {

constexpr const char* kVectors = "spec/vectors/secagg_kat.json";

json vectors(const char* part) {
  std::ifstream in(test::shared(kVectors));
  return json::parse(in).at(part);
}

template <std::size_t N>
std::array<std::byte, N> bytes(const json& object, const char* name) {
  return array_from_hex<N>(object.at(name).get<std::string>());
}

SecretKey key(const json& object, const char* name) { return SecretKey(bytes<32>(object, name)); }

SecAggContext context_of(const json& pair) { return {bytes<32>(pair, "sid"), bytes<32>(pair, "root")}; }

void check_mask(const SecretKey& seed, const json& expected) {
  std::vector<std::uint32_t> words(expected.size());
  MaskStream(MaskSuite::kAes256Ctr, seed).expand(words);
  CHECK(words == expected.get<std::vector<std::uint32_t>>());
}

}  // namespace

TEST_CASE("known answers: pair seed and mask, from both ends") {
  FENNEC_NEEDS_SHARED(kVectors);
  const json pair = vectors("pair");
  const SecAggPeer u{pair.at("uid_u"), bytes<32>(pair, "s_pk_u")};
  const SecAggPeer v{pair.at("uid_v"), bytes<32>(pair, "s_pk_v")};
  const SecretKey u_key = key(pair, "s_sk_u"), v_key = key(pair, "s_sk_v");
  CHECK(x25519_public(u_key) == u.key);
  CHECK(x25519_public(v_key) == v.key);
  const auto shared = x25519(u_key, v.key);
  REQUIRE(shared);
  CHECK(to_hex(shared->bytes()) == pair.at("dh"));
  const auto from_u = pair_mask_seed(context_of(pair), u_key, u, v);
  const auto from_v = pair_mask_seed(context_of(pair), v_key, v, u);
  REQUIRE((from_u && from_v));
  CHECK(to_hex(from_u->bytes()) == pair.at("seed"));
  CHECK(to_hex(from_v->bytes()) == pair.at("seed"));
  check_mask(*from_u, pair.at("mask_u32le_first8"));
}

TEST_CASE("known answers: self mask and commitment") {
  FENNEC_NEEDS_SHARED(kVectors);
  const json pair = vectors("pair"), self = vectors("self");
  const SecAggContext context = context_of(pair);
  const std::uint32_t uid = pair.at("uid_u");
  const SecretKey seed = self_mask_seed(context, uid, key(self, "b_u"));
  CHECK(to_hex(seed.bytes()) == self.at("seed"));
  check_mask(seed, self.at("mask_u32le_first4"));
  CHECK(to_hex(self_secret_commitment(context.sid, uid, key(self, "b_u"))) == self.at("com_b"));
}

TEST_CASE("known answers: Shamir shares, and any three give the secret back") {
  FENNEC_NEEDS_SHARED(kVectors);
  const json shamir = vectors("shamir");
  const ShamirPolynomials polynomials(
      shamir.at("coefs_per_limb").get<std::array<std::vector<std::uint64_t>, kShamirLimbs>>());
  std::vector<SecretShare> shares;
  std::vector<std::uint32_t> places;
  for (const auto& [x, expected] : shamir.at("shares").items()) {
    places.push_back(static_cast<std::uint32_t>(std::stoul(x)));
    shares.push_back(polynomials.share_at(places.back()));
    CHECK(to_hex(shares.back().bytes()) == expected);
  }
  REQUIRE(shares.size() == 4);
  for (std::size_t left_out = 0; left_out < 4; ++left_out) {
    std::vector<const SecretShare*> some;
    std::vector<std::uint32_t> at;
    for (std::size_t i = 0; i < 4; ++i) {
      if (i == left_out) continue;
      some.push_back(&shares[i]);
      at.push_back(places[i]);
    }
    const auto secret = reconstruct_secret(some, lagrange_at_zero(at));
    REQUIRE(secret);
    CHECK(to_hex(secret->bytes()) == shamir.at("secret"));
  }
}

TEST_CASE("known answers: sealed shares") {
  FENNEC_NEEDS_SHARED(kVectors);
  const json pair = vectors("pair"), aead = vectors("aead");
  const SecAggContext context = context_of(pair);
  const std::uint32_t u = pair.at("uid_u"), v = pair.at("uid_v");
  const GcmNonce nonce = share_nonce(context.sid, u, v);
  CHECK(to_hex(nonce) == aead.at("nonce"));
  const auto associated = share_associated_data(context, u, v, 4, 3);
  CHECK(to_hex(associated) == aead.at("aad"));
  const SecretKey seal_key = key(aead, "key_u_to_v");
  const auto plain = from_hex(aead.at("plaintext").get<std::string>());
  CHECK(to_hex(gcm_seal(seal_key, nonce, associated, plain)) == aead.at("ct_tag"));
  std::vector<std::byte> opened(aead.at("plaintext_len").get<std::size_t>());
  REQUIRE(
      gcm_open(seal_key, nonce, associated, from_hex(aead.at("ct_tag").get<std::string>()), opened));
  CHECK(opened == plain);
}

TEST_CASE("known answers: the graph") {
  FENNEC_NEEDS_SHARED(kVectors);
  const json graph = vectors("graph");
  const Sha256Digest sid = bytes<32>(vectors("pair"), "sid");
  const MaskGraph made(graph.at("n"), graph.at("k"), bytes<32>(graph, "seed"), sid);
  CHECK(made.rank_at() == graph.at("perm_position_to_rank").get<std::vector<std::uint32_t>>());
  for (const auto& [rank, expected] : graph.at("neighbours").items())
    CHECK(made.neighbours(static_cast<std::uint32_t>(std::stoul(rank))) ==
          expected.get<std::vector<std::uint32_t>>());
}

TEST_CASE("known answers: quantisation") {
  FENNEC_NEEDS_SHARED(kVectors);
  const json quantise = vectors("quantise");
  const QuantizeScaling scaling{quantise.at("scale"), quantise.at("scale"), 1};
  for (const json& row : quantise.at("vectors")) {
    CAPTURE(row.dump());
    const bool rejected = row[2].is_string();
    const float x = row[0].is_string() ? std::numeric_limits<float>::quiet_NaN() : row[0].get<float>();
    // four times and once more: through the vector path and through the rest
    const std::vector<float> values(5, x);
    const std::vector<std::uint32_t> random(5, row[1].get<std::uint32_t>() << 8);
    std::vector<std::uint32_t> out(5);
    QuantizeCounts counts;
    quantize_block(values, random, scaling, out, counts);
    CHECK(counts.not_finite == (rejected ? 5 : 0));
    if (!rejected) CHECK(out == std::vector<std::uint32_t>(5, row[2].get<std::uint32_t>()));
  }
}
