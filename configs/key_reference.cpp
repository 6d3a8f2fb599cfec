#include "configs/key_reference.h"

#include "configs/experiment.h"

namespace fennec {

std::string key_reference_markdown() {
  std::string out =
      "# Configuration\n\n"
      "An experiment is one YAML file; coordinator, client and simulator read the same keys. All are "
      "optional. An\n"
      "unknown key, a wrong type or a value out of range stops the program with `file:line` of every "
      "problem.\n"
      "This page is the output of `fennec-sim keys`.\n\n"
      "| key | default | meaning |\n|---|---|---|\n";
  for (const FieldDoc& row : experiment_keys())
    out += "| `" + row.key + "` | " + (row.default_value.empty() ? "" : "`" + row.default_value + "`") +
           " | " + row.doc + " |\n";
  return out;
}

}  // namespace fennec
