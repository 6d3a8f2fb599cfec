#include "aggregation/absorption.h"

#include <cmath>
#include <utility>

#include "aggregation/adapter_set.h"
#include "aggregation/travel.h"
#include "core/adapter_modules.h"
#include "core/error.h"
#include "core/lora_layout.h"

namespace fennec {
namespace {

/// [left right].
Matrix beside(const Matrix& left, const Matrix& right) {
  Matrix out(left.rows(), left.cols() + right.cols());
  out << left, right;
  return out;
}

/// [upper; lower].
Matrix above(const Matrix& upper, const Matrix& lower) {
  return beside(upper.transpose(), lower.transpose()).transpose();
}

std::size_t position(const ParameterLayout& layout, const std::string& name) {
  const ParameterEntry* entry = layout.find(name);
  FENNEC_CHECK(entry != nullptr, name);
  return static_cast<std::size_t>(entry - layout.entries().data());
}

/// Where the factors of a pair and of the branch beneath it are among the tensors of a version.
struct Places {
  std::size_t b, a, branch_b, branch_a;
};

/// Calls what(places, adapter, branch) with the factors of both.
template <class What>
void for_each_pair(const ParameterSet& version, What what) {
  const ParameterLayout& layout = *version.layout();
  const auto beneath = [&](std::size_t trained) {
    return position(layout, layout.entries()[trained].name + std::string(kAbsorbedSuffix));
  };
  // Carried tensors come after the trained ones: positions are the same.
  for (const FactorPair& pair : factor_pairs(*travelling_layout(version.layout(), Half::kBoth))) {
    const Places at{pair.b, pair.a, beneath(pair.b), beneath(pair.a)};
    what(at, Factors{matrix_of(version, at.b), matrix_of(version, at.a)},
         Factors{matrix_of(version, at.branch_b), matrix_of(version, at.branch_a)});
  }
}

}  // namespace

bool is_absorbed(std::string_view tensor) { return tensor.ends_with(kAbsorbedSuffix); }

std::int64_t absorbed_rank(const AggregationConfig& config, std::int64_t rank) {
  if (config.strategy != "rolora" || config.rule.absorb_every == 0) return 0;
  return config.rule.absorb_rank > 0 ? config.rule.absorb_rank : 4 * rank;
}

bool absorbs_after(const AggregationConfig& config, RoundId round) {
  return absorbed_rank(config, 1) > 0 && round.value % config.rule.absorb_every == 0;
}

bool absorbed_between(const AggregationConfig& config, RoundId earlier, RoundId now) {
  if (absorbed_rank(config, 1) == 0) return false;
  const std::int64_t every = config.rule.absorb_every;
  return (now.value - 1) / every > (earlier.value - 1) / every;
}

ParameterSet absorbed_of(const ParameterSet& version) {
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors;
  for (const ParameterEntry& entry : version.layout()->entries())
    if (is_absorbed(entry.name)) tensors.emplace_back(entry.name, entry.shape);
  if (tensors.empty()) return {};
  return gather(version, std::make_shared<const ParameterLayout>(std::move(tensors)));
}

void absorb(ParameterSet& version, Seed fresh) {
  for_each_pair(version, [&](const Places& at, const Factors& adapter, const Factors& branch) {
    const Factors all{beside(branch.b, adapter.b), above(branch.a, adapter.a)};
    const Factors kept = truncate(factored_svd(all), branch.rank());
    store_matrix(kept.b, version, at.branch_b);
    store_matrix(kept.a, version, at.branch_a);
  });
  replace(initial_lora(travelling_layout(version.layout(), Half::kBoth), fresh), version);
}

ParameterSet stacked_adapter(const ParameterSet& version) {
  const LayoutPtr trained = travelling_layout(version.layout(), Half::kBoth);
  if (absorbed_of(version).empty()) return gather(version, trained);
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors;
  std::vector<Matrix> values;
  const auto& entries = version.layout()->entries();
  for_each_pair(version, [&](const Places& at, const Factors& adapter, const Factors& branch) {
    const std::int64_t rank = adapter.rank() + branch.rank();
    tensors.emplace_back(entries[at.a].name, std::vector<std::int64_t>{rank, adapter.a.cols()});
    values.push_back(above(adapter.a, branch.a));
    tensors.emplace_back(entries[at.b].name, std::vector<std::int64_t>{adapter.b.rows(), rank});
    values.push_back(beside(adapter.b, branch.b));
  });
  ParameterSet out(std::make_shared<const ParameterLayout>(std::move(tensors)));
  for (std::size_t i = 0; i < values.size(); ++i) store_matrix(values[i], out, i);
  return out;
}

PeftConfig stacked_config(PeftConfig config, const AggregationConfig& aggregation) {
  const std::int64_t extra = absorbed_rank(aggregation, config.r);
  const double ratio = static_cast<double>(config.r + extra) / config.r;
  config.lora_alpha *= config.use_rslora ? std::sqrt(ratio) : ratio;
  config.r += static_cast<int>(extra);
  return config;
}

}  // namespace fennec
