// The small disk that tests/support/disk.py mounts for the suite (MILLRACE_TEST_DISK): a store that
// lies on a disk goes away when that is full.
#pragma once

#include <string>

namespace millrace::conformance {

class RealDisk {
 public:
  // A folder of its own on the disk.
  explicit RealDisk(const std::string& name);
  ~RealDisk();
  RealDisk(const RealDisk&) = delete;
  RealDisk& operator=(const RealDisk&) = delete;

  const std::string& folder() const { return folder_; }

  void fill() const;
  void make_room() const;

  static bool is_there();

 private:
  std::string folder_;
  std::string ballast_;
};

}  // namespace millrace::conformance
