// What FILE.progress says: how much of the file is committed, and which position that is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "event/position.h"

namespace millrace {

struct FileProgress {
  uint64_t length = 0;  // bytes of the file that are committed
  Progress streams;
};

std::string to_json(const FileProgress& progress);

// nullopt: there is no such file. kVersion when a newer millrace wrote it, kIo when it is
// unreadable.
Result<std::optional<FileProgress>> read_file_progress(const std::string& path);

}  // namespace millrace
