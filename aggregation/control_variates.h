#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/parameter_set.h"

namespace fennec {

// SCAFFOLD (Karimireddy et al., arXiv 1910.06378): a client's steps drift towards its own optimum; a
// control variate for what its gradients are like on average, and one for the whole run, take that out:
//   y ← y − η(g − cₖ + c)   at each of τ steps from x
//   cₖ ← cₖ − c + (x − y)/(τη),   c ← c + 1/N·ΣΔcₖ   (option II)
// Kept here are d = η·c and dₖ = η·cₖ, moves per step: then no side needs the other's step size, and
// what comes of an update, Δdₖ = −d − Δₖ/τ, follows from what the coordinator has, so that only the
// update travels up. With a step size that stays the same over the run it is the same algorithm.
//
// d belongs to an adapter version: one tensor for each trained one, named like it with ".control" after
// it, stored and fetched with the version. dₖ stays on the device.

/// Whether a tensor of a version is a control variate: fetched by clients, never sent by them.
bool is_control(std::string_view tensor);
std::string control_name(const std::string& tensor);  ///< of a trained tensor

/// d of a version, over the layout of the trained tensors; empty when it has none.
ParameterSet controls_of(const ParameterSet& version);

/// What the client adds at each of its steps: dₖ − d.
ParameterSet drift_correction(const ParameterSet& own, const ParameterSet& common);

/// dₖ after a round.
/// @param delta  as the coordinator has it: decoded  @param steps  τ, at least 1
ParameterSet next_control(const ParameterSet& own, const ParameterSet& common,
                          const ParameterSet& delta, std::int64_t steps);

/// Fills in the control tensors of an update that came without: −Δ/τ.
void fill_controls(ParameterSet& delta, std::int64_t steps);

/// d ← d + Δd: the control tensors of `version` move by those of `delta`, whatever moves the others.
void move_controls(ParameterSet& version, const ParameterSet& delta);

}  // namespace fennec
