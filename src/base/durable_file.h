// Files that must survive kills and crashes: one that is appended to, and the atomic replacement of
// a small one. One owner each; not thread safe. All errors are kIo, or kNoRoom where the disk
// is full, and name the path and the cure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace {

// Open for appending and locked (flock), so that a second process cannot write the same file.
// What append() wrote survives a kill of the process; what sync() covered survives a crash of the
// machine.
class AppendFile {
 public:
  // Created (with `mode`, its folder entry made durable) when it does not exist.
  static Result<AppendFile> open(std::string path, unsigned mode = 0640);

  AppendFile() = default;

  ~AppendFile() { close(); }

  AppendFile(AppendFile&& other) noexcept { *this = std::move(other); }

  AppendFile& operator=(AppendFile&& other) noexcept;
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  bool is_open() const { return fd_ >= 0; }

  const std::string& path() const { return path_; }

  // Bytes in the file as far as this process wrote or found them.
  uint64_t size() const { return size_; }

  // All bytes, or an error that may leave a part of them at the end of the file.
  Result<void> append(std::string_view bytes);
  // Also notices that the file was removed or replaced behind our back.
  Result<void> sync();
  Result<void> truncate(uint64_t size);
  // Gives the file another name, durably; what has that name is replaced.
  Result<void> rename(std::string path);
  void close();

 private:
  int fd_ = -1;
  uint64_t size_ = 0;
  std::string path_;
};

// After a crash the file has either the old content or the new one. Leaves path + ".tmp" behind
// only when killed.
Result<void> replace_file(const std::string& path, std::string_view content);

// Gives a file that is whole and synced the name that it is for, durably. A file that has this name
// already stays, and is no error; then `made` is gone.
Result<void> name_new_file(const std::string& made, const std::string& path);

// nullopt: there is no such file.
Result<std::optional<std::string>> read_whole_file(const std::string& path);

// Whether a file of this path could be made, without making anything: asks the nearest of its
// folders that exists.
Result<void> check_creatable(const std::string& path);

// kIo (ENOSPC and EDQUOT: kNoRoom) with what `action` ("write", "open") on `path` ran into, and the
// cure for the usual values of errno.
Error io_error(std::string_view action, std::string_view path, int error_number);

}  // namespace millrace
