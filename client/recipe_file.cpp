#include "client/recipe_file.h"

#include "configs/yaml.h"
#include "core/error.h"

namespace fennec {

RecipeConfig load_recipe(const std::filesystem::path& file) {
  std::vector<std::string> problems;
  const RecipeConfig recipe = read_config<RecipeConfig>(load_yaml(file), problems);
  if (problems.empty())
    for (const std::string& problem : validate(recipe))
      problems.push_back(file.string() + ": " + problem);
  if (problems.empty()) return recipe;
  std::string all;
  for (const std::string& problem : problems) all += (all.empty() ? "" : "\n") + problem;
  throw ConfigError(all);
}

}  // namespace fennec
