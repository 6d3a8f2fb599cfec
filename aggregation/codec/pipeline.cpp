#include <cmath>
#include <limits>
#include <utility>

#include "aggregation/codec.h"
#include "aggregation/codec/stages.h"
#include "aggregation/codec/update_header.h"
#include "core/parameter_math.h"

namespace fennec {
namespace {

std::unique_ptr<ValueCoder> value_coder(std::string_view name) {
#define FENNEC_ENTRY(stage, ...) \
  if (name == #stage) return make_##stage();
  FENNEC_VALUE_CODERS(FENNEC_ENTRY)
#undef FENNEC_ENTRY
  check_failed("a registered value coder", __FILE__, __LINE__, __func__, std::string(name));
}

std::unique_ptr<Selector> selector(const CodecSpec::Stage* stage) {
  if (stage == nullptr) return nullptr;
#define FENNEC_ENTRY(each, ...) \
  if (stage->stage->name == #each) return make_##each(stage->parameter);
  FENNEC_SELECTORS(FENNEC_ENTRY)
#undef FENNEC_ENTRY
  return nullptr;
}

std::unique_ptr<Compressor> compressor(const CodecSpec::Stage* stage) {
  if (stage == nullptr) return nullptr;
#define FENNEC_ENTRY(each, ...) \
  if (stage->stage->name == #each) return make_##each(static_cast<int>(stage->parameter));
  FENNEC_COMPRESSORS(FENNEC_ENTRY)
#undef FENNEC_ENTRY
  return nullptr;
}

/// Selection, values, compression, one after the other.
class Pipeline final : public UpdateCodec {
 public:
  Pipeline(std::string_view name, const CodecSpec& spec)
      : name_(name),
        keeps_error_(spec.keeps_error()),
        selector_(selector(spec.find(CodecStep::kSelect))),
        compressor_(compressor(spec.find(CodecStep::kCompress))) {
    const CodecSpec::Stage* values = spec.find(CodecStep::kValues);
    values_ = value_coder(values == nullptr ? "fp32" : values->stage->name);
  }

  std::string_view name() const override { return name_; }
  bool keeps_error() const override { return keeps_error_; }

  std::vector<std::byte> encode(const ParameterSet& delta, const EncodeSeeds& seeds) const override {
    std::vector<std::byte> out;
    append_update_header(out, name_, *delta.layout());
    if (compressor_ == nullptr) {
      append_body(delta.values(), seeds, out);
      return out;
    }
    std::vector<std::byte> body;
    append_body(delta.values(), seeds, body);
    const std::vector<std::byte> compressed = compressor_->compress(body);
    out.insert(out.end(), compressed.begin(), compressed.end());
    return out;
  }

  Result<ParameterSet> decode(std::span<const std::byte> bytes,
                              const LayoutPtr& layout) const override {
    const auto body = check_update_header(bytes, name_, *layout);
    if (!body) return tl::unexpected(body.error());
    if (compressor_ == nullptr) return decode_body(*body, layout);
    const auto plain = compressor_->decompress(*body, most_body_bytes(*layout));
    if (!plain) return tl::unexpected(plain.error());
    return decode_body(*plain, layout);
  }

 private:
  static std::size_t most_body_bytes(const ParameterLayout& layout) {
    constexpr std::size_t kRoom = 64 * 1024;
    return layout.size() * (sizeof(float) + 1) + kRoom;
  }

  void append_body(std::span<const float> values, const EncodeSeeds& seeds,
                   std::vector<std::byte>& out) const {
    if (selector_ == nullptr) return values_->encode(values, seeds.own, out);
    std::vector<float> chosen;
    for (const std::uint32_t i : selector_->select(values, seeds, out)) chosen.push_back(values[i]);
    // What is not finite is for the receiver to refuse, also where it was not selected.
    if (!chosen.empty() && !all_finite(values)) chosen[0] = std::numeric_limits<float>::quiet_NaN();
    values_->encode(chosen, seeds.own, out);
  }

  Result<ParameterSet> decode_body(std::span<const std::byte> body, const LayoutPtr& layout) const {
    ByteReader in(body);
    ParameterSet delta(layout);
    if (selector_ == nullptr) {
      if (const auto read = values_->decode(in, delta.values()); !read)
        return tl::unexpected(read.error());
    } else {
      const auto positions = selector_->read(in, layout->size());
      if (!positions) return tl::unexpected(positions.error());
      std::vector<float> chosen(positions->size());
      if (const auto read = values_->decode(in, chosen); !read) return tl::unexpected(read.error());
      for (std::size_t i = 0; i < chosen.size(); ++i) delta.values()[(*positions)[i]] = chosen[i];
    }
    if (!in.rest().empty())
      return fail(ErrorCode::kMalformed, "the update holds " + std::to_string(in.rest().size()) +
                                             " bytes more than its values need");
    if (!all_finite(delta.values())) return fail(ErrorCode::kNumeric, "the update holds a NaN or Inf");
    return delta;
  }

  std::string name_;
  bool keeps_error_;
  std::unique_ptr<Selector> selector_;
  std::unique_ptr<ValueCoder> values_;
  std::unique_ptr<Compressor> compressor_;
};

}  // namespace

std::unique_ptr<UpdateCodec> make_codec(std::string_view spec) {
  const Result<CodecSpec> parsed = parse_codec(spec);
  if (!parsed) throw ConfigError("aggregation.codec: " + parsed.error().message);
  return std::make_unique<Pipeline>(spec, *parsed);
}

const std::vector<std::string>& codec_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const CodecStage& stage : kCodecStages) out.emplace_back(stage.name);
    for (const char* composed :
         {"int4+zstd", "topk(0.25)+int8+zstd(3)", "randomk(0.5)+bf16", "topk(1)+sign"})
      out.emplace_back(composed);
    return out;
  }();
  return names;
}

std::vector<std::byte> encode_with_feedback(const UpdateCodec& codec, const ParameterSet& delta,
                                            ParameterSet& error, const EncodeSeeds& seeds,
                                            double max_norm) {
  if (!codec.keeps_error() && std::isinf(max_norm)) return codec.encode(delta, seeds);
  ParameterSet wanted = delta.clone();
  if (codec.keeps_error() && !error.empty()) axpy(1.0F, std::as_const(error).values(), wanted.values());
  ParameterSet scaled = wanted.clone();
  constexpr int kMostAttempts = 20;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    std::vector<std::byte> bytes = codec.encode(scaled, seeds);
    const Result<ParameterSet> sent = codec.decode(bytes, delta.layout());
    FENNEC_CHECK(sent.has_value(), sent ? "" : sent.error().message);
    const double norm = l2_norm(sent->values());
    if (norm > max_norm) {  // a little less each time: rounding is random, so once need not do
      scale(static_cast<float>(max_norm / norm * (1 - 1e-3 * attempt)), scaled.values());
      continue;
    }
    if (!codec.keeps_error()) return bytes;
    if (error.empty()) error = ParameterSet(delta.layout());
    subtract(std::as_const(wanted).values(), sent->values(), error.values());
    return bytes;
  }
  check_failed("an encoding within max_norm", __FILE__, __LINE__, __func__, std::string(codec.name()));
}

}  // namespace fennec
