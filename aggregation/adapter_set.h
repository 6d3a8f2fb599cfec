#pragma once
#include <string>
#include <vector>

#include "aggregation/factored.h"
#include "core/parameter_set.h"

namespace fennec {

/// One client's adapter: the factors of each module, in the set's module order.
struct ClientAdapter {
  std::string name;   ///< client, or directory
  double weight = 1;  ///< normalised over the set
  std::vector<Factors> modules;
};

/// The adapters that become one: the same modules of the same shapes, ranks may differ.
struct AdapterSet {
  std::vector<std::string> modules;
  std::vector<ClientAdapter> clients;  ///< ascending by name where order is of no meaning

  std::vector<double> weights() const;
  std::vector<Factors> of_module(std::size_t module) const;  ///< one a client
};

/// The positions of A and B of one module in a layout.
struct FactorPair {
  std::string module;
  std::size_t a = 0, b = 0;
};

/// Pairs up the tensors of a LoRA layout, in order of appearance. Throws ConfigError naming a tensor
/// that has no partner: such an adapter has no factors to work on.
std::vector<FactorPair> factor_pairs(const ParameterLayout& layout);
bool has_factor_pairs(const ParameterLayout& layout);

/// A matrix of a ParameterSet, [rows, columns] as stored.
Matrix matrix_of(const ParameterSet& set, std::size_t entry);
void store_matrix(const Matrix& matrix, ParameterSet& set, std::size_t entry);

/// The factors of each pair.
std::vector<Factors> factors_of(const ParameterSet& adapter, const std::vector<FactorPair>& pairs);

/// Of base + delta, in fp64.
std::vector<Factors> trained_factors(const std::vector<Factors>& base, const ParameterSet& delta,
                                     const std::vector<FactorPair>& pairs);

/// A set without clients yet, of the modules of a layout.
AdapterSet empty_set(const std::vector<FactorPair>& pairs);

}  // namespace fennec
