#include <cstring>

#include "aggregation/codec/update_header.h"
#include "aggregation/registry.h"
#include "core/parameter_math.h"

namespace fennec {
namespace {

/// The values as they are: 4 bytes each, little endian, in layout order.
class Fp32Codec final : public UpdateCodec {
 public:
  std::string_view name() const override { return "fp32"; }

  std::vector<std::byte> encode(const ParameterSet& delta) const override {
    std::vector<std::byte> out;
    out.reserve(delta.bytes().size() + 128);
    append_update_header(out, name(), *delta.layout());
    out.insert(out.end(), delta.bytes().begin(), delta.bytes().end());
    return out;
  }

  Result<ParameterSet> decode(std::span<const std::byte> bytes,
                              const LayoutPtr& layout) const override {
    const auto values = check_update_header(bytes, name(), *layout);
    if (!values) return tl::unexpected(values.error());
    if (values->size() != layout->size() * sizeof(float))
      return fail(ErrorCode::kMalformed, "the update holds " + std::to_string(values->size()) +
                                             " bytes of values, expected " +
                                             std::to_string(layout->size() * sizeof(float)));
    ParameterSet delta(layout);
    if (!values->empty()) std::memcpy(delta.values().data(), values->data(), values->size());
    if (!all_finite(delta.values())) return fail(ErrorCode::kNumeric, "the update holds a NaN or Inf");
    return delta;
  }
};

}  // namespace

std::unique_ptr<UpdateCodec> make_fp32() { return std::make_unique<Fp32Codec>(); }

}  // namespace fennec
