// Secure aggregation against what it is made of: masks against the raw cipher, the server's unmasking
// of a thousand clients. docs/privacy.md quotes it.
#include <openssl/evp.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/rng.h"
#include "privacy/entropy.h"
#include "privacy/mask_sum.h"
#include "privacy/ring_vector.h"
#include "privacy/secagg_degree.h"
#include "privacy/secagg_keys.h"

namespace fennec {
namespace {

constexpr std::size_t kParameters = 1'000'000;

double seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

/// The cipher alone over 8 KiB of zeros again and again: bytes a second.
double raw_cipher_rate(const char* name, std::size_t bytes) {
  static const std::vector<unsigned char> zeros(8192);
  std::vector<unsigned char> out(8192);
  const unsigned char key[32] = {1}, iv[16] = {};
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  EVP_EncryptInit_ex2(context, cipher, key, iv, nullptr);
  int written = 0;
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t done = 0; done < bytes; done += zeros.size())
    EVP_EncryptUpdate(context, out.data(), &written, zeros.data(), static_cast<int>(zeros.size()));
  const double rate = static_cast<double>(bytes) / seconds(start);
  EVP_CIPHER_CTX_free(context);
  EVP_CIPHER_free(cipher);
  benchmark::DoNotOptimize(out.data());
  return rate;
}

void mask_add(benchmark::State& state, MaskSuite suite, const char* cipher) {
  SystemEntropy entropy;
  std::vector<std::uint32_t> sum(kParameters);
  const SecretKey seed = entropy.key();
  double worked = 0, raw = 0;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    MaskStream(suite, seed).add_to(sum);
    worked += seconds(start);
    raw += raw_cipher_rate(cipher, sum.size() * 4);
  }
  const auto n = static_cast<double>(state.iterations());
  const double rate = n * static_cast<double>(sum.size() * 4) / worked;
  state.counters["GB_per_s"] = rate / 1e9;
  state.counters["of_raw_cipher"] = rate / (raw / n);
}
void expand_and_add_aes(benchmark::State& state) {
  mask_add(state, MaskSuite::kAes256Ctr, "AES-256-CTR");
}
void expand_and_add_chacha(benchmark::State& state) {
  mask_add(state, MaskSuite::kChaCha20, "ChaCha20");
}
BENCHMARK(expand_and_add_aes);
BENCHMARK(expand_and_add_chacha);

void quantize_floats(benchmark::State& state) {
  SystemEntropy entropy;
  const RingCoding coding{kParameters, false, 22, 0.01};
  std::vector<float> x(kParameters);
  fill_normal(Seed(1), x, 0.003F);
  std::vector<std::uint32_t> out(coding.length());
  const SecretKey seed = entropy.key();
  for (auto _ : state) benchmark::DoNotOptimize(quantize(x, 1, coding, seed, out));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kParameters * 4));
}
BENCHMARK(quantize_floats);

/// Everything the server does once the shares are in, n = 1000, k = 68, t = 44: opens 900 self secrets
/// and 100 mask keys, agrees on their pairs' seeds, takes 7000 masks of 10^6 parameters off.
void unmask_thousand(benchmark::State& state) {
  constexpr std::uint32_t kClients = 1000, kDropped = 100;
  const SecAggDegree degree = *search_degree({kClients, 0.1, 0.1, 88});
  SystemEntropy entropy;
  const SecAggContext context{};
  std::vector<X25519KeyPair> pairs;
  for (std::uint32_t i = 0; i < kClients; ++i) pairs.push_back(generate_x25519(entropy));
  std::vector<std::vector<SecretShare>> shares(kClients);
  std::vector<std::uint32_t> places(degree.threshold);
  for (std::uint32_t u = 0; u < kClients; ++u) {
    const ShamirPolynomials polynomials(pairs[u].secret_key, static_cast<int>(degree.threshold),
                                        entropy);
    for (std::uint32_t i = 0; i < degree.threshold; ++i)
      shares[u].push_back(polynomials.share_at(places[i] = (u + i + 1) % kClients + 1));
  }
  std::vector<std::uint32_t> sum(kParameters);
  double masks_seconds = 0;
  std::size_t expanded = 0;
  for (auto _ : state) {
    std::vector<SignedMask> masks;
    for (std::uint32_t u = 0; u < kClients; ++u) {
      for (std::uint32_t i = 0; i < degree.threshold; ++i) places[i] = (u + i + 1) % kClients + 1;
      std::vector<const SecretShare*> pointers;
      for (const SecretShare& share : shares[u]) pointers.push_back(&share);
      const auto secret = reconstruct_secret(pointers, lagrange_at_zero(places));
      if (u >= kDropped) {
        masks.push_back({self_mask_seed(context, u, *secret), false});
        continue;
      }
      const std::uint32_t alive = degree.degree * 9 / 10;
      for (std::uint32_t j = 0; j < alive; ++j) {
        const std::uint32_t v = kDropped + (u * 7 + j) % (kClients - kDropped);
        masks.push_back(
            {*pair_mask_seed(context, *secret, {u, pairs[u].public_key}, {v, pairs[v].public_key}),
             true});
      }
    }
    const auto start = std::chrono::steady_clock::now();
    apply_masks(MaskSuite::kAes256Ctr, masks, sum);
    masks_seconds += seconds(start);
    expanded += masks.size();
  }
  state.counters["masks"] = static_cast<double>(expanded) / static_cast<double>(state.iterations());
  state.counters["masks_GB_per_s"] =
      static_cast<double>(expanded * kParameters * 4) / masks_seconds / 1e9;
  state.counters["of_raw_cipher"] = static_cast<double>(expanded * kParameters * 4) / masks_seconds /
                                    raw_cipher_rate("AES-256-CTR", std::size_t{1} << 30);
}
BENCHMARK(unmask_thousand)->Unit(benchmark::kSecond)->Iterations(1);

}  // namespace
}  // namespace fennec

BENCHMARK_MAIN();
