// An experiment that parses prints canonically: parsing the print gives the print again.
#include "configs/experiment.h"
#include "core/error.h"
#include "fuzz/input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto experiment = fennec::parse_experiment(fennec::fuzz::to_text(data, size), "fuzz.yaml");
    const std::string printed = fennec::to_yaml(experiment);
    FENNEC_CHECK(fennec::to_yaml(fennec::parse_experiment(printed, "printed.yaml")) == printed);
  } catch (const fennec::ConfigError&) {  // what a bad file must become, and nothing else
  }
  return 0;
}
