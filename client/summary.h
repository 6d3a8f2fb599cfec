#pragma once
#include <filesystem>

#include "data/prepare.h"

namespace fennec {

/// What `prepare` and `collect` wrote, a line a device, to standard output.
void print_summary(const PrepareSummary& summary, const std::filesystem::path& out, bool json);

}  // namespace fennec
