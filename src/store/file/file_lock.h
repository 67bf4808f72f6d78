// Keeps other processes, and other threads, from a file while it is read and replaced: flock on
// path + ".lock", which stays (the file itself is another one after each replacement).
#pragma once

#include <string>

#include "base/result.h"

namespace millrace {

class FileLock {
 public:
  // Waits for another one up to three seconds; then kBusy. A file system without locks gives one
  // that keeps nobody away.
  static Result<FileLock> take(const std::string& path);

  ~FileLock();

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}

  int fd_;
};

}  // namespace millrace
