#include <sys/resource.h>

#include "coordinator/commands.h"
#include "coordinator/server.h"
#include "core/log.h"

namespace fennec {

namespace {

// One descriptor a connection: the usual soft limit of 1024 would end a large fleet's run early.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    log::warn("the limit of open files stays at what the system gave");
}

}  // namespace

void serve_run(const ServeCommand& command) {
  log::configure(command.verbose ? log::Level::kDebug : log::Level::kInfo);
  raise_descriptor_limit();
  Server server(RunDirectory{command.run}, ServeOptions{command.json, command.port_file});
  server.run();
}

}  // namespace fennec
