// The lock of a pipeline's state folder: who holds it may change what lies there.
#pragma once

#include "assembly.h"
#include "base/durable_file.h"

namespace millrace {

// Makes the folder where it is missing. The lock is held until the file is closed: two processes
// with one state would undo each other's progress.
Result<AppendFile> lock_state(const Assembly& assembly);

}  // namespace millrace
