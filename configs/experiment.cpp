#include "configs/experiment.h"

#include "configs/yaml.h"
#include "core/digest.h"
#include "core/error.h"
#include "core/files.h"

namespace fennec {
namespace {

std::string joined(const std::vector<std::string>& lines) {
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

}  // namespace

Experiment parse_experiment(std::string_view yaml, const std::string& where) {
  const Params root = parse_yaml(yaml, where);
  std::vector<std::string> errors;
  Experiment experiment = read_config<Experiment>(root, errors);
  if (errors.empty())  // ranges of values that were not even read would only confuse
    for (const std::string& problem : validate(experiment))
      errors.push_back(place_of(root, problem) + ": " + problem);
  if (!errors.empty()) throw ConfigError(joined(errors));
  return experiment;
}

Experiment load_experiment(const std::filesystem::path& file) {
  return parse_experiment(read_text_file(file), file.string());
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
