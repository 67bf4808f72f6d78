#include "tests/conformance/real_disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

namespace millrace::conformance {

namespace {

const char* mount_point() {
  return std::getenv("MILLRACE_TEST_DISK");
}

}  // namespace

bool RealDisk::is_there() {
  return mount_point() != nullptr;
}

RealDisk::RealDisk(const std::string& name)
    : folder_(std::string(mount_point()) + "/" + name),
      ballast_(std::string(mount_point()) + "/" + name + ".ballast") {
  std::filesystem::create_directories(folder_);
}

RealDisk::~RealDisk() {
  make_room();
  std::filesystem::remove_all(folder_);
}

void RealDisk::fill() const {
  const int fd = ::open(ballast_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const std::vector<char> zeros(size_t{1} << 20);
  for (size_t piece = zeros.size(); piece > 0;) {
    if (::write(fd, zeros.data(), piece) < 0) piece /= 2;
  }
  ::close(fd);
}

void RealDisk::make_room() const {
  ::unlink(ballast_.c_str());
}

}  // namespace millrace::conformance
