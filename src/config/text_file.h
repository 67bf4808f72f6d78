// A small text file, whole.
#pragma once

#include <string>

#include "base/result.h"

namespace millrace {

// Its text without a byte order mark. Errors name the path: kNotFound, kIo (no right to read it, a
// folder, larger than 16 MiB: then it is no configuration).
Result<std::string> read_text_file(const std::string& path);

}  // namespace millrace
