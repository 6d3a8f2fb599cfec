#pragma once
#include <stdexcept>
#include <string>
#include <vector>

#include "configs/yaml.h"
#include "data/recipe.h"

namespace fennec::test {

/// A recipe of this repository, every problem an exception.
inline RecipeConfig load_recipe(const std::string& name) {
  std::vector<std::string> problems;
  RecipeConfig recipe = read_config<RecipeConfig>(
      load_yaml(std::string(FENNEC_SOURCE) + "/configs/data/" + name + ".yaml"), problems);
  for (const std::string& problem : validate(recipe)) problems.push_back(problem);
  if (!problems.empty()) throw std::runtime_error(name + ": " + problems.front());
  return recipe;
}

}  // namespace fennec::test
