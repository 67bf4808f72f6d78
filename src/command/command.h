// The commands of the program: each returns its exit code (exit_code.h); what it prints is in
// docs/operate.md.
#pragma once

#include <string>

#include "command/exit_code.h"
#include "config/pipeline_config.h"

namespace millrace {

// Until SIGTERM or SIGINT, or the source is finished.
int run_command(const RunOptions& options);
int check_command(const RunOptions& options, bool as_json);
int verify_command(const RunOptions& options, const std::string& branch, bool as_json);
int query_command(const RunOptions& options, const std::string& sql, const std::string& format);

// Parses the command line and calls one of the above.
int command_line(int argc, char** argv);

}  // namespace millrace
