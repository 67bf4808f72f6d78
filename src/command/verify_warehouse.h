// Compares the source's tables with what the pipeline's DuckDB branches hold. Whoever has the
// warehouse file's handle calls it: the running process, or the command where nothing runs.
#pragma once

#include <string_view>

#include "assembly.h"
#include "command/verify_branch.h"
#include "command/verify_report.h"

namespace millrace {

// `branch` empty: all of them. Blocks for as long as it takes.
Result<VerifyReport> verify_warehouse(const Assembly& assembly, std::string_view branch,
                                      const StandingOf& standing);

}  // namespace millrace
