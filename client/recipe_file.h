#pragma once
#include <filesystem>

#include "data/recipe.h"

namespace fennec {

/// Reads and validates a recipe. Throws one ConfigError that lists every problem, or IoError.
RecipeConfig load_recipe(const std::filesystem::path& file);

}  // namespace fennec
