#pragma once
#include <string>

#include "tests/support/program.h"

namespace fennec::test {

/// Runs fennec-client with a shell's arguments.
inline ProgramRun run_client(const std::string& arguments, const std::string& input = "") {
  return run_program("fennec-client", arguments, input);
}

}  // namespace fennec::test
