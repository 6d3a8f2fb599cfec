#include "aggregation/moments.h"

#include <algorithm>
#include <cmath>

namespace fennec {

AdaptiveOptimizer::AdaptiveOptimizer(std::string_view name, double beta1,
                                     const AggregationConfig& config)
    : name_(name),
      beta1_(beta1),
      beta2_(config.server_beta2),
      server_lr_(config.server_lr),
      tau_(config.server_tau) {}

void AdaptiveOptimizer::step(ParameterSet& adapter, const ParameterSet& delta, Half half) {
  FENNEC_CHECK(*adapter.layout() == *delta.layout());
  if (m_.empty()) {
    m_ = ParameterSet(delta.layout());
    v_ = ParameterSet(delta.layout());
    std::ranges::fill(v_.values(), static_cast<float>(tau_ * tau_));
  }
  FENNEC_CHECK(*m_.layout() == *delta.layout());
  for_each_travelling(
      adapter, delta, m_, v_, half, [this](float& x, const float& delta_i, float& m, float& v) {
        const double d = static_cast<double>(delta_i);
        m = static_cast<float>(beta1_ * static_cast<double>(m) + (1 - beta1_) * d);
        v = static_cast<float>(second_moment(static_cast<double>(v), d * d));
        const double move =
            server_lr_ * static_cast<double>(m) / (std::sqrt(static_cast<double>(v)) + tau_);
        x = static_cast<float>(static_cast<double>(x) + move);
      });
}

std::vector<const ParameterSet*> AdaptiveOptimizer::state() const {
  if (m_.empty()) return {};
  return {&m_, &v_};
}

Result<void> AdaptiveOptimizer::restore(std::vector<ParameterSet> state) {
  if (!state.empty() && state.size() != 2)
    return fail(ErrorCode::kMismatch, std::string(name_) + " keeps two moments, " +
                                          std::to_string(state.size()) + " were stored");
  m_ = state.empty() ? ParameterSet() : std::move(state[0]);
  v_ = state.empty() ? ParameterSet() : std::move(state[1]);
  return {};
}

}  // namespace fennec
