#include "model/quantized_matrix.h"

#include <algorithm>

#include "core/error.h"
#include "model/model_config.h"
#include "model/quantized_int4.h"
#include "model/quantized_int8.h"
#include "model/quantized_nf4.h"

namespace fennec {

void for_each_row(std::int64_t rows, std::int64_t columns, const RowReader& read,
                  const std::function<void(std::int64_t, const float*)>& take) {
  constexpr std::int64_t kBlockValues = 1 << 18;  // 1 MiB
  const std::int64_t block =
      std::clamp<std::int64_t>(kBlockValues / columns, 1, std::max<std::int64_t>(rows, 1));
  std::vector<float> values(static_cast<std::size_t>(block * columns));
  for (std::int64_t begin = 0; begin < rows; begin += block) {
    const std::int64_t end = std::min(begin + block, rows);
    read(begin, end, values.data());
    for (std::int64_t row = begin; row < end; ++row) take(row, values.data() + (row - begin) * columns);
  }
}

std::vector<std::string> quantized_kinds() {
#define FENNEC_KIND_NAME(name, bits) #name,
  return {FENNEC_QUANTIZED_KINDS(FENNEC_KIND_NAME)};
#undef FENNEC_KIND_NAME
}

std::shared_ptr<const QuantizedMatrix> quantize(const std::string& kind, std::int64_t rows,
                                                std::int64_t columns, const RowReader& read) {
#define FENNEC_MAKE_KIND(name, bits) \
  if (kind == #name) return quantize_##name(rows, columns, read);
  FENNEC_QUANTIZED_KINDS(FENNEC_MAKE_KIND)
#undef FENNEC_MAKE_KIND
  throw ConfigError("base precision '" + kind + "' is unknown; known: " + base_precisions());
}

}  // namespace fennec
