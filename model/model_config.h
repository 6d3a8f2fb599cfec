#pragma once
#include <string>

/// The only list of quantised kinds: X(name, bits a weight) is made by quantize_<name>() of
/// model/quantized_<name>.h.
#define FENNEC_QUANTIZED_KINDS(X) \
  X(int8, 8 + 32.0 / 64)          \
  X(int4, 4 + 2 * 16.0 / 64)      \
  X(nf4, 4 + 8.0 / 64 + 32.0 / (64 * 256))

namespace fennec {

#define FENNEC_QUANTIZED_NAME(name, bits) ", " #name
/// "fp32, int8, …"
inline std::string base_precisions() { return "fp32" FENNEC_QUANTIZED_KINDS(FENNEC_QUANTIZED_NAME); }
#undef FENNEC_QUANTIZED_NAME

#define FENNEC_QUANTIZED_NAME(name, bits) || precision == #name
inline bool is_base_precision(const std::string& precision) {
  return precision == "fp32" FENNEC_QUANTIZED_KINDS(FENNEC_QUANTIZED_NAME);
}
#undef FENNEC_QUANTIZED_NAME

struct ModelConfig {
  std::string base = "models/sensor-tiny";
  std::string base_precision = "fp32";
};

template <class Visitor>
void fields(Visitor& v, ModelConfig& c) {
  v("base", c.base, "Hugging Face directory of the frozen base model");
  v("base_precision", c.base_precision,
    "how the frozen weights are kept in memory: fp32, int8, int4 or nf4; quantised when loaded");
}

}  // namespace fennec
