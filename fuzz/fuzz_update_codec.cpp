// An update that decodes is finite, fits the layout and has the size its codec allows; what fp32
// decodes encodes to the same bytes. The first byte picks the codec; half of the inputs get a valid
// header in front, so that the body is reached.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aggregation/codec.h"
#include "aggregation/codec/update_header.h"
#include "core/error.h"
#include "core/parameter_math.h"
#include "fuzz/input.h"

namespace {

using Tensors = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;

const fennec::LayoutPtr& layout() {
  static const auto layout = std::make_shared<const fennec::ParameterLayout>(
      Tensors{{"a", {2, 3}}, {"b", {1}}, {"c", {0, 4}}, {"d", {9, 8}}});
  return layout;
}

std::vector<std::byte> with_header(const fennec::UpdateCodec& codec, std::span<const std::byte> body) {
  std::vector<std::byte> bytes;
  fennec::append_update_header(bytes, codec.name(), *layout());
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto& names = fennec::codec_names();
  const auto codec = fennec::make_codec(names[(data[0] >> 1) % names.size()]);
  const auto rest = fennec::fuzz::to_bytes(data + 1, size - 1);
  const std::vector<std::byte> input =
      (data[0] & 1) != 0 ? with_header(*codec, rest) : std::vector<std::byte>(rest.begin(), rest.end());
  const auto delta = codec->decode(input, layout());
  if (!delta) return 0;
  FENNEC_CHECK(*delta->layout() == *layout() && fennec::all_finite(delta->values()));
  if (codec->name() == "fp32") FENNEC_CHECK(codec->encode(*delta) == input);
  const auto again = codec->decode(codec->encode(*delta, {fennec::Seed(1), fennec::Seed(2)}), layout());
  FENNEC_CHECK(again.has_value() || again.error().code == fennec::ErrorCode::kNumeric);
  return 0;
}
