#include "privacy/secagg_graph.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "core/error.h"
#include "privacy/hkdf.h"
#include "privacy/mask_stream.h"
#include "privacy/secagg_bytes.h"

namespace fennec {
namespace {

/// Uniform numbers from the words of a public keystream; words that would favour small ones are
/// skipped.
class GraphDraws {
 public:
  explicit GraphDraws(const SecretKey& key) : stream_(MaskSuite::kAes256Ctr, key) {}
  std::uint32_t below(std::uint32_t bound) {
    const std::uint64_t limit = ((std::uint64_t{1} << 32) / bound) * bound;
    for (;;) {
      const std::uint32_t word = next();
      if (word < limit) return word % bound;
    }
  }

 private:
  std::uint32_t next() {
    if (used_ == words_.size()) {
      stream_.expand(words_);
      used_ = 0;
    }
    return words_[used_++];
  }
  MaskStream stream_;
  std::array<std::uint32_t, 256> words_{};
  std::size_t used_ = words_.size();
};

}  // namespace

MaskGraph::MaskGraph(std::uint32_t n, std::uint32_t degree, const Sha256Digest& seed,
                     const Sha256Digest& sid)
    : degree_(std::min(degree, n - 1)), rank_at_(n), position_of_(n) {
  FENNEC_CHECK(n >= 1 && (degree >= n - 1 || (degree > 0 && degree % 2 == 0)));
  std::iota(rank_at_.begin(), rank_at_.end(), 0u);
  GraphDraws draws(hkdf_key(seed, sid, ByteWriter(secagg_label("graph")).bytes()));
  for (std::uint32_t i = n - 1; i > 0; --i) std::swap(rank_at_[i], rank_at_[draws.below(i + 1)]);
  for (std::uint32_t position = 0; position < n; ++position)
    position_of_[rank_at_[position]] = position;
}

std::vector<std::uint32_t> MaskGraph::neighbours(std::uint32_t rank) const {
  std::vector<std::uint32_t> out;
  const std::uint32_t n = size();
  if (degree_ == n - 1) {
    for (std::uint32_t other = 0; other < n; ++other)
      if (other != rank) out.push_back(other);
    return out;
  }
  for (std::uint32_t j = 1; j <= degree_ / 2; ++j) {
    out.push_back(rank_at_[(position_of_[rank] + j) % n]);
    out.push_back(rank_at_[(position_of_[rank] + n - j) % n]);
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool MaskGraph::are_neighbours(std::uint32_t a, std::uint32_t b) const {
  if (a == b) return false;
  if (degree_ == size() - 1) return true;
  const std::uint32_t apart = (position_of_[a] + size() - position_of_[b]) % size();
  return std::min(apart, size() - apart) <= degree_ / 2;
}

Sha256Digest graph_seed(const Sha256Digest& sid, const Sha256Digest& root,
                        std::span<const std::byte> members) {
  ByteWriter text(secagg_label("gseed"));
  text.raw(sid);
  text.raw(root);
  text.raw(sha256(members));
  return sha256(text.bytes());
}

}  // namespace fennec
