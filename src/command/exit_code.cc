#include "command/exit_code.h"

namespace millrace {

int exit_code_of(const Result<void>& result) {
  if (result) return kExitOk;
  switch (result.error().kind) {
    case ErrorKind::kStopped:
      return kExitNotDrained;
    case ErrorKind::kConfig:
      return kExitFound;  // found out only with the server or the warehouse open
    default:
      return kExitFailed;
  }
}

}  // namespace millrace
