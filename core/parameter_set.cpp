#include "core/parameter_set.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <set>

#include "core/digest.h"
#include "core/error.h"

namespace fennec {

namespace {

constexpr std::align_val_t kAlignment{64};

/// Lengths go before contents, so no two layouts share a byte string.
void absorb(Sha256& hash, std::uint64_t value) {
  std::array<std::byte, 8> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::byte(value >> (8 * i) & 0xff);
  hash.update(bytes);
}

}  // namespace

ParameterLayout::ParameterLayout(
    std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors) {
  std::set<std::string> names;
  Sha256 hash;
  for (auto& [name, shape] : tensors) {
    FENNEC_CHECK(names.insert(name).second, "two tensors of a layout are called " + name);
    std::size_t size = 1;
    absorb(hash, name.size());
    hash.update(name);
    absorb(hash, shape.size());
    for (const std::int64_t dim : shape) {
      FENNEC_CHECK(dim >= 0, "negative dimension in " + name);
      FENNEC_CHECK(!__builtin_mul_overflow(size, static_cast<std::size_t>(dim), &size),
                   name + " is too large");
      absorb(hash, static_cast<std::uint64_t>(dim));
    }
    entries_.push_back({std::move(name), std::move(shape), size_, size});
    size_ += size;
  }
  digest_ = to_hex(hash.finish());
}

const ParameterEntry* ParameterLayout::find(std::string_view name) const {
  const auto it =
      std::find_if(entries_.begin(), entries_.end(), [&](const auto& e) { return e.name == name; });
  return it == entries_.end() ? nullptr : &*it;
}

void ParameterSet::AlignedDelete::operator()(float* p) const { ::operator delete[](p, kAlignment); }

ParameterSet::ParameterSet(LayoutPtr layout) : layout_(std::move(layout)) {
  FENNEC_CHECK(layout_ != nullptr);
  // At least one element, so that the buffer of an empty layout is a valid pointer too.
  const std::size_t bytes = std::max<std::size_t>(layout_->size(), 1) * sizeof(float);
  data_.reset(static_cast<float*>(::operator new[](bytes, kAlignment)));
  std::memset(data_.get(), 0, bytes);
}

ParameterSet ParameterSet::clone() const {
  if (empty()) return {};
  ParameterSet copy(layout_);
  std::copy(values().begin(), values().end(), copy.values().begin());
  return copy;
}

}  // namespace fennec
