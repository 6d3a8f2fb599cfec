#pragma once
#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "core/files.h"
#include "tests/support/temp_dir.h"

namespace fennec::test {

struct ProgramRun {
  int exit_code = -1;
  std::string out, err;
};

/// Runs one of our programs with a shell's arguments.
inline ProgramRun run_program(const std::string& program, const std::string& arguments,
                              const std::string& input = "") {
  const TempDir dir;
  write_file_atomically(dir / "in", input);
  const std::string command = std::string(FENNEC_BIN) + "/" + program + " " + arguments + " <" +
                              (dir / "in").string() + " >" + (dir / "out").string() + " 2>" +
                              (dir / "err").string();
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_text_file(dir / "out"),
          read_text_file(dir / "err")};
}

}  // namespace fennec::test
