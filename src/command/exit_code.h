// How the program ends; docs/operate.md has the table.
#pragma once

#include "base/result.h"

namespace millrace {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFound = 1;  // the configuration is wrong; check or verify found something
inline constexpr int kExitUsage = 2;  // the command line is wrong
// Stopped before everything read was delivered; nothing is lost.
inline constexpr int kExitNotDrained = 3;
inline constexpr int kExitFailed = 4;  // failed, and repeating does not cure it

// Of a run. By the kind of the error alone: the same cause ends with the same code, whether it was
// met at the start or later.
int exit_code_of(const Result<void>& result);

}  // namespace millrace
