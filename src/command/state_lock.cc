#include "command/state_lock.h"

#include <filesystem>

namespace millrace {

Result<AppendFile> lock_state(const Assembly& assembly) {
  std::error_code error;
  std::filesystem::create_directories(assembly.options.state_folder, error);
  if (error) {
    return fail(
        ErrorKind::kIo,
        "cannot make the state folder " + assembly.options.state_folder + ": " + error.message(),
        "choose another state.folder, or make it writable");
  }
  return AppendFile::open(assembly.options.state_folder + "/" + assembly.config.name + ".lock");
}

}  // namespace millrace
