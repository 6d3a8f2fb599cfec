#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "core/digest.h"
#include "privacy/ed25519.h"
#include "privacy/hkdf.h"
#include "privacy/mask_sum.h"
#include "privacy/share_cipher.h"
#include "privacy/x25519.h"
#include "tests/support/hex.h"

using namespace fennec;
using fennec::test::array_from_hex;
using fennec::test::from_hex;

namespace {

SecretKey key_of(std::string_view hex) { return SecretKey(array_from_hex<32>(hex)); }

std::vector<std::uint32_t> words(MaskSuite suite, const SecretKey& seed, std::size_t n) {
  std::vector<std::uint32_t> out(n);
  MaskStream(suite, seed).expand(out);
  return out;
}

}  // namespace

TEST_CASE("X25519: vectors of RFC 7748") {
  const auto shared =
      x25519(key_of("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
             array_from_hex<32>("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"));
  REQUIRE(shared);
  CHECK(to_hex(shared->bytes()) == "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  const SecretKey bob = key_of("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  CHECK(to_hex(x25519_public(bob)) ==
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const auto agreed = x25519(
      bob, array_from_hex<32>("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
  REQUIRE(agreed);
  CHECK(to_hex(agreed->bytes()) == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

TEST_CASE("X25519: points of small order are refused") {
  SystemEntropy entropy;
  const X25519KeyPair mine = generate_x25519(entropy);
  for (const char* point : {"0000000000000000000000000000000000000000000000000000000000000000",
                            "0100000000000000000000000000000000000000000000000000000000000000",
                            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"}) {
    CAPTURE(point);
    const auto shared = x25519(mine.secret_key, array_from_hex<32>(point));
    REQUIRE_FALSE(shared);
    CHECK(shared.error().code == ErrorCode::kMalformed);
  }
}

TEST_CASE("HKDF-SHA256: test case 1 of RFC 5869") {
  std::vector<std::byte> out(42);
  hkdf_sha256(from_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"),
              from_hex("000102030405060708090a0b0c"), from_hex("f0f1f2f3f4f5f6f7f8f9"), out);
  CHECK(to_hex(out) ==
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

TEST_CASE("AES-256-GCM: test case 16 of the GCM specification, and every tampering is refused") {
  const SecretKey key = key_of("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
  const auto nonce = array_from_hex<12>("cafebabefacedbaddecaf888");
  const auto associated = from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const auto plain = from_hex(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b5"
      "25b16aedf5aa0de657ba637b39");
  const auto sealed = gcm_seal(key, nonce, associated, plain);
  CHECK(to_hex(sealed) ==
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b10568288"
        "38c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
  std::vector<std::byte> opened(plain.size());
  REQUIRE(gcm_open(key, nonce, associated, sealed, opened));
  CHECK(opened == plain);

  const std::vector<std::byte> nothing(plain.size());
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    auto tampered = sealed;
    tampered[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    opened = plain;
    CHECK_FALSE(gcm_open(key, nonce, associated, tampered, opened));
    CHECK(opened == nothing);
  }
  auto other = associated;
  other[3] ^= std::byte{1};
  CHECK_FALSE(gcm_open(key, nonce, other, sealed, opened));
  auto other_nonce = nonce;
  other_nonce[11] ^= std::byte{1};
  CHECK_FALSE(gcm_open(key, other_nonce, associated, sealed, opened));
  std::vector<std::byte> shorter(plain.size() - 1);
  CHECK_FALSE(gcm_open(key, nonce, associated, sealed, shorter));
}

TEST_CASE("Ed25519: test 1 of RFC 8032; labels keep purposes apart") {
  const SigningKey key(key_of("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
  CHECK(to_hex(key.public_key()) == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  CHECK(to_hex(key.sign("", {})) ==
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b4"
        "6bd25bf5f0595bbe24655141438e7a100b");
  const auto message = from_hex("0102");
  const Signature signature = key.sign("one", message);
  CHECK(verify(key.public_key(), "one", message, signature));
  CHECK_FALSE(verify(key.public_key(), "two", message, signature));
  CHECK_FALSE(verify(key.public_key(), "one", from_hex("0103"), signature));
  SystemEntropy entropy;
  CHECK_FALSE(verify(SigningKey::generate(entropy).public_key(), "one", message, signature));
}

TEST_CASE("mask streams continue, add and subtract to nothing, and differ by suite") {
  SystemEntropy entropy;
  const SecretKey seed = entropy.key();
  for (const MaskSuite suite : {MaskSuite::kAes256Ctr, MaskSuite::kChaCha20}) {
    const auto all = words(suite, seed, 5000);
    MaskStream stream(suite, seed);
    std::vector<std::uint32_t> parts(5000);
    stream.expand(std::span(parts).first(2064));
    stream.expand(std::span(parts).subspan(2064));
    CHECK(parts == all);
    std::vector<std::uint32_t> sum(5000, 7);
    MaskStream(suite, seed).add_to(sum);
    for (std::size_t i = 0; i < sum.size(); ++i) REQUIRE(sum[i] == 7 + all[i]);
    MaskStream(suite, seed).subtract_from(sum);
    CHECK(sum == std::vector<std::uint32_t>(5000, 7));
  }
  CHECK(words(MaskSuite::kAes256Ctr, seed, 16) != words(MaskSuite::kChaCha20, seed, 16));
}

TEST_CASE("many masks at once equal one after the other") {
  SystemEntropy entropy;
  std::vector<SignedMask> masks;
  std::vector<std::uint32_t> expected(20001, 3), sum = expected;
  for (int i = 0; i < 300; ++i) {
    masks.push_back({entropy.key(), i % 3 != 0});
    const auto mask = words(MaskSuite::kAes256Ctr, masks.back().seed, expected.size());
    for (std::size_t j = 0; j < mask.size(); ++j)
      expected[j] = i % 3 != 0 ? expected[j] + mask[j] : expected[j] - mask[j];
  }
  apply_masks(MaskSuite::kAes256Ctr, masks, sum);
  CHECK(sum == expected);
}

TEST_CASE("secret bytes are wiped when moved from") {
  SystemEntropy entropy;
  SecretKey key = entropy.key();
  const SecretKey copy = key.clone();
  CHECK(equal_in_constant_time(key.bytes(), copy.bytes()));
  const SecretKey taken = std::move(key);
  CHECK(equal_in_constant_time(taken.bytes(), copy.bytes()));
  CHECK(equal_in_constant_time(key.bytes(), SecretKey().bytes()));
}
