#include "base/durable_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

namespace millrace {

namespace {

constexpr mode_t kMode = 0640;

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool exists(const std::string& path) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0;
}

// Makes new and renamed entries of the file's folder durable.
Result<void> sync_folder_of(const std::string& path) {
  const std::string folder = folder_of(path);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Failure(io_error("open the folder", folder, errno));
  const int rc = ::fsync(fd);
  const int error_number = errno;
  ::close(fd);
  // Some network file systems cannot sync a folder; they make its entries durable by themselves.
  if (rc != 0 && error_number != EINVAL) {
    return Failure(io_error("sync the folder", folder, error_number));
  }
  return {};
}

Result<void> write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failure(io_error("write", path, errno));
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

}  // namespace

Error io_error(std::string_view action, std::string_view path, int error_number) {
  ErrorKind kind = ErrorKind::kIo;
  std::string cure;
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      kind = ErrorKind::kNoRoom;
      cure = "make room on its disk or raise the quota";
      break;
    case EFBIG:
      cure = "the process's limit of file size is reached: raise ulimit -f";
      break;
    case EROFS:
      cure = "its file system is mounted read-only: mount it writable or choose another path";
      break;
    case EACCES:
    case EPERM:
      cure = "give the user that runs millrace the right to write there, or choose another path";
      break;
    case ENOENT:
      cure = "create the folder, or correct the path";
      break;
    case EISDIR:
    case ENOTDIR:
      cure = "correct the path: it must name a file in a folder";
      break;
    case EMFILE:
    case ENFILE:
      cure = "raise the limit of open files: ulimit -n";
      break;
    default:
      break;
  }
  return {kind,
          fmt::format("cannot {} \"{}\": {}", action, path,
                      std::generic_category().message(error_number)),
          std::move(cure)};
}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  if (this == &other) return *this;
  close();
  fd_ = std::exchange(other.fd_, -1);
  size_ = std::exchange(other.size_, 0);
  path_ = std::move(other.path_);
  return *this;
}

Result<AppendFile> AppendFile::open(std::string path, unsigned mode) {
  AppendFile file;
  file.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, mode);
  if (file.fd_ < 0) return Failure(io_error("open", path, errno));
  file.path_ = std::move(path);
  if (::flock(file.fd_, LOCK_EX | LOCK_NB) != 0) {
    return fail(ErrorKind::kIo, fmt::format("another process writes \"{}\"", file.path_),
                "stop it, or give each pipeline a path of its own");
  }
  struct stat found{};
  if (::fstat(file.fd_, &found) != 0) return Failure(io_error("inspect", file.path_, errno));
  file.size_ = S_ISREG(found.st_mode) ? static_cast<uint64_t>(found.st_size) : 0;
  if (auto synced = sync_folder_of(file.path_); !synced) return Failure(synced.error());
  return file;
}

Result<void> AppendFile::append(std::string_view bytes) {
  auto written = write_all(fd_, bytes, path_);
  if (written) size_ += bytes.size();
  return written;
}

Result<void> AppendFile::sync() {
  struct stat ours{};
  struct stat named{};
  if (::fstat(fd_, &ours) != 0) return Failure(io_error("inspect", path_, errno));
  const bool there = ::stat(path_.c_str(), &named) == 0;
  if (!there || named.st_ino != ours.st_ino || named.st_dev != ours.st_dev) {
    return fail(ErrorKind::kIo,
                fmt::format("\"{}\" was removed or replaced while it was being written", path_),
                "put it back, then start again");
  }
  // A special file (a pipe, /dev/full) has nothing to sync.
  if (::fdatasync(fd_) != 0 && errno != EINVAL && errno != EROFS) {
    return Failure(io_error("sync", path_, errno));
  }
  return {};
}

Result<void> AppendFile::truncate(uint64_t size) {
  if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) {
    return Failure(io_error("truncate", path_, errno));
  }
  size_ = size;
  return {};
}

Result<void> AppendFile::rename(std::string path) {
  if (::rename(path_.c_str(), path.c_str()) != 0) return Failure(io_error("replace", path, errno));
  path_ = std::move(path);
  return sync_folder_of(path_);
}

void AppendFile::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<void> replace_file(const std::string& path, std::string_view content) {
  const std::string temporary = path + ".tmp";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode);
  if (fd < 0) return Failure(io_error("open", temporary, errno));
  auto done = write_all(fd, content, temporary);
  if (done && ::fsync(fd) != 0) done = Failure(io_error("sync", temporary, errno));
  ::close(fd);
  if (done && ::rename(temporary.c_str(), path.c_str()) != 0) {
    done = Failure(io_error("replace", path, errno));
  }
  if (!done) {
    ::unlink(temporary.c_str());
    return done;
  }
  return sync_folder_of(path);
}

Result<void> name_new_file(const std::string& made, const std::string& path) {
  int rc = ::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE);
  // Some file systems cannot refuse to replace.
  if (rc != 0 && (errno == EINVAL || errno == ENOSYS) && !exists(path)) {
    rc = ::rename(made.c_str(), path.c_str());
  }
  if (rc == 0) return sync_folder_of(path);
  const int error_number = errno;
  ::unlink(made.c_str());
  return exists(path) ? Result<void>() : Failure(io_error("name", path, error_number));
}

Result<std::optional<std::string>> read_whole_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return std::nullopt;
  if (fd < 0) return Failure(io_error("open", path, errno));
  std::string content;
  char piece[16 * 1024];
  while (true) {
    const ssize_t n = ::read(fd, piece, sizeof piece);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const Error error = io_error("read", path, errno);
      ::close(fd);
      return Failure(error);
    }
    if (n == 0) break;
    content.append(piece, static_cast<size_t>(n));
  }
  ::close(fd);
  return content;
}

Result<void> check_creatable(const std::string& path) {
  std::string folder = folder_of(path);
  while (!exists(folder) && folder != folder_of(folder))
    folder = folder_of(folder);
  // The slash makes it an error when it is no folder.
  if (::access((folder + "/").c_str(), W_OK | X_OK) == 0) return {};
  return Failure(io_error("write", path, errno));
}

}  // namespace millrace
