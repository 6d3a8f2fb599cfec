#include "coordinator/commands.h"
#include "coordinator/server.h"
#include "core/log.h"

namespace fennec {

void serve_run(const ServeCommand& command) {
  log::configure(command.verbose ? log::Level::kDebug : log::Level::kInfo);
  Server server(RunDirectory{command.run}, ServeOptions{command.json, command.port_file});
  server.run();
}

}  // namespace fennec
