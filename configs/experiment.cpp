#include "configs/experiment.h"

#include "configs/override.h"
#include "configs/yaml.h"
#include "core/digest.h"
#include "core/error.h"
#include "core/files.h"

namespace fennec {
namespace {

std::string joined_lines(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += (out.empty() ? "" : "\n") + line;
  return out;
}

/// "file:line" of the key a validate() message begins with, as deep as the file goes.
std::string place_of(const Params& root, const std::string& message) {
  const std::string key = message.substr(0, message.find(' '));
  const Params* node = &root;
  for (std::size_t at = 0; at < key.size();) {
    const std::size_t end = std::min(key.find_first_of(".[:", at), key.size());
    const Params* child = node->find(key.substr(at, end - at));
    if (child == nullptr) break;
    node = child;
    at = end + 1;
  }
  return node->where;
}

Experiment experiment_of(const Params& root) {
  std::vector<std::string> errors;
  Experiment experiment = read_config<Experiment>(root, errors);
  if (errors.empty())  // ranges of values that were not even read would only confuse
    for (const std::string& problem : validate(experiment))
      errors.push_back(place_of(root, problem) + ": " + problem);
  if (!errors.empty()) throw ConfigError(joined_lines(errors));
  return experiment;
}

}  // namespace

Experiment parse_experiment(std::string_view yaml, const std::string& where) {
  return experiment_of(parse_yaml(yaml, where));
}

Experiment load_experiment(const std::filesystem::path& file,
                           const std::vector<std::string>& overrides) {
  Params root = load_yaml(file);
  for (const std::string& assignment : overrides) set_key(root, assignment);
  return experiment_of(root);
}

std::string to_yaml(const Experiment& experiment) { return write_config(experiment); }

std::string experiment_hash(const Experiment& experiment) {
  return to_hex(sha256(to_yaml(experiment)));
}

std::vector<FieldDoc> experiment_keys() {
  Experiment defaults;
  std::vector<FieldDoc> out;
  FieldLister lister(out);
  fields(lister, defaults);
  return out;
}

}  // namespace fennec
