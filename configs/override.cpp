#include "configs/override.h"

#include "configs/yaml.h"
#include "core/error.h"

namespace fennec {
namespace {

Params& child_of(Params& node, const std::string& key, const std::string& where) {
  if (node.kind == Params::Kind::kNull) node.kind = Params::Kind::kMap;
  if (node.kind != Params::Kind::kMap)
    throw ConfigError(where + ": '" + key + "' lies inside something that is no section");
  for (auto& [name, value] : node.map)
    if (name == key) return value;
  node.map.emplace_back(key, Params{});
  node.map.back().second.where = where;
  return node.map.back().second;
}

}  // namespace

void set_key(Params& root, const std::string& assignment) {
  const std::size_t equals = assignment.find('=');
  const std::string where = "--set " + assignment;
  if (equals == std::string::npos || equals == 0)
    throw ConfigError(where + ": expected key=value, as in rounds.total=3");
  Params* node = &root;
  const std::string path = assignment.substr(0, equals);
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('.', at), path.size());
    node = &child_of(*node, path.substr(at, end - at), where);
    at = end + 1;
  }
  *node = parse_yaml(assignment.substr(equals + 1), where);
  node->where = where;
}

}  // namespace fennec
