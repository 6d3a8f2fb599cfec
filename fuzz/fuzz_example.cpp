// A training example that parses prints as a line that parses to the same line.
#include "core/error.h"
#include "data/example_io.h"
#include "fuzz/input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const std::string line =
        fennec::to_json_line(fennec::parse_example(fennec::fuzz::to_text(data, size), "fuzz:1"));
    FENNEC_CHECK(fennec::to_json_line(fennec::parse_example(line, "printed:1")) == line);
  } catch (const fennec::IoError&) {  // what a bad line must become, and nothing else
  }
  return 0;
}
