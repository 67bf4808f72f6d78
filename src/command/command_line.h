// The command line as data; what the commands do is in command.h.
#pragma once

#include <expected>
#include <string>

#include "command/dead_letters.h"
#include "config/pipeline_config.h"

namespace millrace {

enum class CommandName : uint8_t { kRun, kCheck, kVerify, kDeadLetters, kQuery };

struct CommandLine {
  CommandName command = CommandName::kRun;
  RunOptions run;  // FILE, --to, --set
  std::string branch;
  std::string sql;
  std::string format = "table";
  bool as_json = false;
  DeadLettersArguments dead_letters;
};

// Else the exit code, when all is said already: help or version (on stdout), or what is wrong
// (on stderr).
std::expected<CommandLine, int> parse_command_line(int argc, const char* const* argv);

}  // namespace millrace
