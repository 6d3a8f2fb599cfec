#pragma once
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/params.h"

namespace fennec {

/// What a stage of a codec does, in the order in which stages may stand.
enum class CodecStep { kSelect, kValues, kCompress };

struct CodecStage {
  std::string_view name;
  CodecStep step;
  bool lossy;                  ///< what it leaves out accumulates with the client (error feedback)
  double standard, low, high;  ///< its parameter: value when none is given, and range; all 0 = has none
};

// The only list of codec stages. To add one: write aggregation/codec/<name>.cpp with its make_<name>(),
// a line here and in CMakeLists.txt.
//   name, step, keeps what it leaves out, default, lowest, highest parameter
#define FENNEC_SELECTORS(X)             \
  X(topk, kSelect, true, 0.05, 1e-6, 1) \
  X(randomk, kSelect, true, 0.05, 1e-6, 1)
#define FENNEC_VALUE_CODERS(X)     \
  X(fp32, kValues, false, 0, 0, 0) \
  X(bf16, kValues, false, 0, 0, 0) \
  X(int8, kValues, false, 0, 0, 0) \
  X(int4, kValues, false, 0, 0, 0) \
  X(sign, kValues, true, 0, 0, 0)
#define FENNEC_COMPRESSORS(X) X(zstd, kCompress, false, 19, 1, 22)

#define FENNEC_STAGE(name, step, lossy, standard, low, high) \
  {#name, CodecStep::step, lossy, standard, low, high},
inline constexpr CodecStage kCodecStages[] = {
    FENNEC_SELECTORS(FENNEC_STAGE) FENNEC_VALUE_CODERS(FENNEC_STAGE) FENNEC_COMPRESSORS(FENNEC_STAGE)};
#undef FENNEC_STAGE

/// A codec as it is written: "topk(0.05)+int8+zstd". Values are fp32 when no stage says otherwise.
struct CodecSpec {
  struct Stage {
    const CodecStage* stage;
    double parameter;
  };
  std::vector<Stage> stages;
  bool keeps_error() const {
    for (const Stage& s : stages)
      if (s.stage->lossy) return true;
    return false;
  }
  const Stage* find(CodecStep step) const {
    for (const Stage& s : stages)
      if (s.stage->step == step) return &s;
    return nullptr;
  }
};

inline Result<CodecSpec::Stage> parse_codec_stage(std::string_view text) {
  const auto refuse = [&](const std::string& what) {
    return fail(ErrorCode::kMalformed, "'" + std::string(text) + "' " + what);
  };
  const std::size_t open = text.find('(');
  const std::string_view name = text.substr(0, open);
  std::vector<std::string> names;
  for (const CodecStage& stage : kCodecStages) {
    names.emplace_back(stage.name);
    if (stage.name != name) continue;
    if (open == std::string_view::npos) return CodecSpec::Stage{&stage, stage.standard};
    if (stage.high == 0) return refuse("takes no parameter");
    const std::string_view number = text.substr(open + 1, text.size() - open - 2);
    double value = 0;
    const auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (text.back() != ')' || code != std::errc{} || end != number.data() + number.size() ||
        !(value >= stage.low && value <= stage.high) ||
        (stage.step == CodecStep::kCompress && value != std::floor(value)))
      return refuse("needs a parameter in its range");
    return CodecSpec::Stage{&stage, value};
  }
  return fail(ErrorCode::kMalformed, unknown_name("codec stage", name, names));
}

/// kMalformed, saying what is wrong with which stage.
inline Result<CodecSpec> parse_codec(std::string_view text) {
  CodecSpec spec;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('+', at), text.size());
    const Result<CodecSpec::Stage> stage = parse_codec_stage(text.substr(at, end - at));
    if (!stage) return tl::unexpected<Error>(stage.error());
    if (!spec.stages.empty() && spec.stages.back().stage->step >= stage->stage->step)
      return fail(ErrorCode::kMalformed, "'" + std::string(stage->stage->name) + "' cannot follow '" +
                                             std::string(spec.stages.back().stage->name) +
                                             "'; the order is selection, values, compression");
    spec.stages.push_back(*stage);
    at = end + 1;
  }
  return spec;
}

}  // namespace fennec
