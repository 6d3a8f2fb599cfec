#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fennec {

/// One tensor of a layout: row-major float32.
struct ParameterEntry {
  std::string name;
  std::vector<std::int64_t> shape;
  std::size_t offset = 0;  ///< elements from the start of the buffer
  std::size_t size = 0;    ///< number of elements
};

/// Ordered (name, shape, offset): the common coordinate system of adapters, deltas and optimizer
/// moments.
class ParameterLayout {
 public:
  /// Entries are laid out densely in the given order. Names are unique.
  explicit ParameterLayout(std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors);
  const std::vector<ParameterEntry>& entries() const { return entries_; }
  std::size_t size() const { return size_; }                ///< elements in all
  const ParameterEntry* find(std::string_view name) const;  ///< null when absent
  const std::string& digest() const { return digest_; }     ///< hex SHA-256 of names and shapes
  bool operator==(const ParameterLayout& other) const { return digest_ == other.digest_; }

 private:
  std::vector<ParameterEntry> entries_;
  std::size_t size_ = 0;
  std::string digest_;
};

using LayoutPtr = std::shared_ptr<const ParameterLayout>;

/// A layout and one contiguous, 64-byte aligned fp32 buffer. Move-only: copies are spelt clone().
class ParameterSet {
 public:
  ParameterSet() = default;
  explicit ParameterSet(LayoutPtr layout);  ///< zeros
  ParameterSet(ParameterSet&&) noexcept = default;
  ParameterSet& operator=(ParameterSet&&) noexcept = default;
  ParameterSet clone() const;

  bool empty() const { return layout_ == nullptr; }
  const LayoutPtr& layout() const { return layout_; }
  std::span<float> values() { return {data_.get(), size()}; }
  std::span<const float> values() const { return {data_.get(), size()}; }
  std::span<float> values(const ParameterEntry& entry) {
    return values().subspan(entry.offset, entry.size);
  }
  std::span<const float> values(const ParameterEntry& entry) const {
    return values().subspan(entry.offset, entry.size);
  }
  std::span<const std::byte> bytes() const { return std::as_bytes(values()); }
  std::size_t size() const { return layout_ ? layout_->size() : 0; }

 private:
  struct AlignedDelete {
    void operator()(float* p) const;
  };
  LayoutPtr layout_;
  std::unique_ptr<float[], AlignedDelete> data_;
};

}  // namespace fennec
