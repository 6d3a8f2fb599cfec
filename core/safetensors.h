#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/parameter_set.h"

namespace fennec {

enum class Dtype { kBool, kU8, kI8, kI16, kU16, kF16, kBf16, kI32, kU32, kF32, kF64, kI64, kU64 };
std::size_t byte_width(Dtype dtype);
std::string_view to_string(Dtype dtype);  ///< safetensors spelling: "F32", "BF16", …

struct TensorView {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;  ///< not necessarily aligned: memcpy, never reinterpret

  std::size_t element_count() const;
};

/// A safetensors file (https://huggingface.co/docs/safetensors), every offset checked before use.
/// Memory-mapped when opened from a path; borrows the caller's bytes when parsed.
class Safetensors {
 public:
  static Safetensors open(const std::filesystem::path& file);  ///< throws IoError naming file and fault
  static Result<Safetensors> parse(std::span<const std::byte> bytes);  ///< kMalformed
  Safetensors(Safetensors&&) noexcept;
  Safetensors& operator=(Safetensors&&) noexcept;
  ~Safetensors();

  const std::vector<TensorView>& tensors() const { return tensors_; }  ///< in data order
  const TensorView* find(std::string_view name) const;                 ///< null when absent
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// Lets the system drop the pages of one of the tensors; reading it again fetches them from the file.
  void release(const TensorView& tensor) const;

 private:
  class Mapping;
  Safetensors() = default;
  std::unique_ptr<Mapping> mapping_;
  std::vector<TensorView> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;  // name → position
  std::map<std::string, std::string> metadata_;
};

/// Serialises with "__metadata__":{"format":"pt"} plus `metadata`, data 8-aligned, tensors ordered by
/// dtype width (descending), then name.
std::vector<std::byte> write_safetensors(std::vector<TensorView> tensors,
                                         const std::map<std::string, std::string>& metadata = {});

/// What the header says of a tensor.
struct TensorSpec {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::vector<std::int64_t> shape;
};

/// The same straight to a file, atomically, with one tensor in memory at a time.
/// @param bytes_of  the data of a tensor, asked for once each, in file order
void save_safetensors(const std::filesystem::path& file, std::vector<TensorSpec> tensors,
                      const std::function<std::vector<std::byte>(const TensorSpec&)>& bytes_of);

/// fp32 copy of a floating tensor (F32, F16, BF16, F64); kMalformed for other dtypes. out.size() =
/// element count.
Result<void> to_float(const TensorView& tensor, std::span<float> out);
/// Round-to-nearest-even bf16 bits of each value; NaN stays NaN.
std::vector<std::uint16_t> to_bf16(std::span<const float> values);

/// All tensors of a ParameterSet as views (F32).
std::vector<TensorView> to_views(const ParameterSet& set);

}  // namespace fennec
