// The commands of the program; what each prints and returns is in docs/operate.md.
#pragma once

#include <string>

#include "config/pipeline_config.h"

namespace millrace {

// Exit codes.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFound = 1;  // the configuration is wrong; check or verify found something
inline constexpr int kExitUsage = 2;  // the command line is wrong
inline constexpr int kExitNotDrained =
    3;  // stopped before everything read was delivered; nothing is lost
inline constexpr int kExitFailed = 4;  // failed while running

// Until SIGTERM or SIGINT, or the source is finished.
int run_command(const RunOptions& options);
int check_command(const RunOptions& options, bool as_json);
int verify_command(const RunOptions& options, const std::string& branch, bool as_json);
int query_command(const RunOptions& options, const std::string& sql, const std::string& format);

// Parses the command line and calls one of the above.
int command_line(int argc, char** argv);

}  // namespace millrace
