#include "aggregation/adapter_set.h"

#include <map>
#include <optional>
#include <string_view>

#include "core/error.h"

namespace fennec {
namespace {

constexpr std::string_view kA = ".lora_A.weight", kB = ".lora_B.weight";
using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct Pairing {
  std::vector<FactorPair> pairs;
  std::string unpaired;  ///< a tensor that is no factor, or lacks its other half
};

Pairing pair_up(const ParameterLayout& layout) {
  struct Halves {
    std::optional<std::size_t> a, b;
  };
  std::vector<std::string> order;
  std::map<std::string, Halves> found;
  Pairing out;
  for (std::size_t i = 0; i < layout.entries().size(); ++i) {
    const ParameterEntry& entry = layout.entries()[i];
    const bool is_a = entry.name.ends_with(kA), is_b = entry.name.ends_with(kB);
    if (!(is_a || is_b) || entry.shape.size() != 2) {
      out.unpaired = entry.name;
      return out;
    }
    const std::string module = entry.name.substr(0, entry.name.size() - kA.size());
    Halves& halves = found[module];
    if (!halves.a && !halves.b) order.push_back(module);
    (is_a ? halves.a : halves.b) = i;
  }
  for (const std::string& module : order) {
    const auto& [a, b] = found[module];
    const bool fits = a && b && layout.entries()[*a].shape[0] == layout.entries()[*b].shape[1];
    if (!fits) {
      out.unpaired = layout.entries()[a ? *a : *b].name;
      return out;
    }
    out.pairs.push_back({module, *a, *b});
  }
  return out;
}

}  // namespace

std::vector<double> AdapterSet::weights() const {
  std::vector<double> out;
  for (const ClientAdapter& client : clients) out.push_back(client.weight);
  return out;
}

std::vector<Factors> AdapterSet::of_module(std::size_t module) const {
  std::vector<Factors> out;
  for (const ClientAdapter& client : clients) out.push_back(client.modules[module]);
  return out;
}

std::vector<FactorPair> factor_pairs(const ParameterLayout& layout) {
  Pairing pairing = pair_up(layout);
  if (!pairing.unpaired.empty())
    throw ConfigError("tensor '" + pairing.unpaired +
                      "' is no A or B of a LoRA pair; this strategy works on pairs");
  return std::move(pairing.pairs);
}

bool has_factor_pairs(const ParameterLayout& layout) {
  const Pairing pairing = pair_up(layout);
  return pairing.unpaired.empty() && !pairing.pairs.empty();
}

Matrix matrix_of(const ParameterSet& set, std::size_t entry) {
  const ParameterEntry& e = set.layout()->entries()[entry];
  return Eigen::Map<const RowMajor>(set.values(e).data(), e.shape[0], e.shape[1]).cast<double>();
}

void store_matrix(const Matrix& matrix, ParameterSet& set, std::size_t entry) {
  const ParameterEntry& e = set.layout()->entries()[entry];
  FENNEC_CHECK(matrix.rows() == e.shape[0] && matrix.cols() == e.shape[1]);
  Eigen::Map<RowMajor>(set.values(e).data(), e.shape[0], e.shape[1]) = matrix.cast<float>();
}

std::vector<Factors> factors_of(const ParameterSet& adapter, const std::vector<FactorPair>& pairs) {
  std::vector<Factors> out;
  out.reserve(pairs.size());
  for (const FactorPair& pair : pairs)
    out.push_back({matrix_of(adapter, pair.b), matrix_of(adapter, pair.a)});
  return out;
}

std::vector<Factors> trained_factors(const std::vector<Factors>& base, const ParameterSet& delta,
                                     const std::vector<FactorPair>& pairs) {
  std::vector<Factors> out = factors_of(delta, pairs);
  for (std::size_t m = 0; m < out.size(); ++m) {
    out[m].b += base[m].b;
    out[m].a += base[m].a;
  }
  return out;
}

AdapterSet empty_set(const std::vector<FactorPair>& pairs) {
  AdapterSet set;
  for (const FactorPair& pair : pairs) set.modules.push_back(pair.module);
  return set;
}

}  // namespace fennec
