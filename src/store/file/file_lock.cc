#include "store/file/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/durable_file.h"

namespace millrace {

namespace {

constexpr Millis kPatience{3000};
constexpr Millis kTryEvery{1};
constexpr mode_t kMode = 0660;

}  // namespace

Result<FileLock> FileLock::take(const std::string& path) {
  const std::string name = path + ".lock";
  const int fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode);
  if (fd < 0) return Failure(io_error("open", name, errno));
  FileLock lock(fd);
  const auto deadline = steady_now() + kPatience;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) break;
    if (steady_now() >= deadline) {
      return fail(ErrorKind::kBusy, "another process holds \"" + name + "\"",
                  "see whether one that writes \"" + path + "\" is stopped or stuck");
    }
    std::this_thread::sleep_for(kTryEvery);
  }
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace millrace
