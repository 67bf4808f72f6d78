// A disk that fails, for LD_PRELOAD: under one folder the n-th call that touches the disk goes
// wrong. Armed by the environment (FAULTY_DISK="FOLDER:KIND:N:once|sticky"), or by a test that
// finds faulty_disk_arm() with dlsym. Any thread. With AddressSanitizer: verify_asan_link_order=0.
//
//   eio     the call fails with EIO (write, sync, rename, truncate, allocate, read)
//   enospc  it fails with ENOSPC (write, rename, allocate)
//   short   a write takes half of its bytes, and says so; the next goes on
//   torn    a write takes half of its bytes, and the next one fails with ENOSPC
//   lost    a sync fails with EIO, and what was appended since the last one is gone
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

enum class Kind { kNone, kEio, kEnospc, kShort, kTorn, kLost };
enum class Call { kWrite, kSync, kRename, kTruncate, kAllocate, kRead };

char folder[512];
Kind kind = Kind::kNone;
long fail_at = 0;
bool sticky = false;
std::atomic<long> calls{0};

struct Synced {  // how much of a file a crash would have left
  dev_t device;
  ino_t inode;
  off_t size;
};

Synced synced[64];
size_t synced_count = 0;

Kind kind_of(const char* name) {
  if (std::strcmp(name, "eio") == 0) return Kind::kEio;
  if (std::strcmp(name, "enospc") == 0) return Kind::kEnospc;
  if (std::strcmp(name, "short") == 0) return Kind::kShort;
  if (std::strcmp(name, "torn") == 0) return Kind::kTorn;
  if (std::strcmp(name, "lost") == 0) return Kind::kLost;
  return Kind::kNone;
}

// The library's own function, behind ours.
template <class F>
F next(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

bool is_under(const char* path) {
  return kind != Kind::kNone && std::strncmp(path, folder, std::strlen(folder)) == 0;
}

bool is_under(int fd) {
  if (kind == Kind::kNone) return false;
  char link[64];
  char path[1024];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = ::readlink(link, path, sizeof path - 1);
  if (size <= 0) return false;
  path[size] = '\0';
  return is_under(path);
}

bool concerns(Call call) {
  switch (kind) {
    case Kind::kEio:
      return true;
    case Kind::kEnospc:
      return call == Call::kWrite || call == Call::kRename || call == Call::kAllocate;
    case Kind::kShort:
    case Kind::kTorn:
      return call == Call::kWrite;
    case Kind::kLost:
      return call == Call::kSync;
    case Kind::kNone:
      return false;
  }
  return false;
}

// 0: this call goes well. 1: it is the one. 2: it is one after it.
int turn(Call call) {
  if (!concerns(call)) return 0;
  const long now = ++calls;
  if (now == fail_at) return 1;
  return fail_at > 0 && now > fail_at ? 2 : 0;
}

// The errno that the call is to fail with, or 0.
int failure(Call call) {
  const int when = turn(call);
  if (when == 0 || (when == 2 && !sticky)) return 0;
  return kind == Kind::kEnospc ? ENOSPC : EIO;
}

// How many of the bytes a write may take; -1: errno is set.
ssize_t allowed(int fd, size_t size) {
  if (!is_under(fd)) return static_cast<ssize_t>(size);
  if (kind == Kind::kEio || kind == Kind::kEnospc) {
    const int error = failure(Call::kWrite);
    if (error == 0) return static_cast<ssize_t>(size);
    errno = error;
    return -1;
  }
  const int when = turn(Call::kWrite);
  if (when == 1 && size > 1) return static_cast<ssize_t>(size / 2);
  const bool is_next = kind == Kind::kTorn && when == 2 && (sticky || calls == fail_at + 1);
  if (!is_next) return static_cast<ssize_t>(size);
  errno = ENOSPC;
  return -1;
}

Synced* known(int fd) {
  struct stat found{};
  if (::fstat(fd, &found) != 0) return nullptr;
  for (size_t i = 0; i < synced_count; ++i) {
    if (synced[i].inode == found.st_ino && synced[i].device == found.st_dev) return &synced[i];
  }
  if (synced_count == sizeof synced / sizeof synced[0]) return nullptr;
  synced[synced_count] = {found.st_dev, found.st_ino, found.st_size};
  return &synced[synced_count++];
}

// Before a file is written: all that it has is on the disk.
void note_before_write(int fd) {
  if (kind == Kind::kLost && is_under(fd)) known(fd);
}

int sync_with(const char* name, int fd) {
  if (!is_under(fd)) return next<int (*)(int)>(name)(fd);
  Synced* file = kind == Kind::kLost ? known(fd) : nullptr;
  if (const int error = failure(Call::kSync); error != 0) {
    if (file != nullptr) {
      struct stat found{};
      ::fstat(fd, &found);
      if (S_ISREG(found.st_mode) && found.st_size > file->size) {
        static_cast<void>(next<int (*)(int, off_t)>("ftruncate")(fd, file->size));
      }
    }
    errno = error;
    return -1;
  }
  const int done = next<int (*)(int)>(name)(fd);
  struct stat found{};
  if (done == 0 && file != nullptr && ::fstat(fd, &found) == 0) file->size = found.st_size;
  return done;
}

struct FromEnvironment {
  FromEnvironment() {
    const char* told = std::getenv("FAULTY_DISK");
    if (told == nullptr) return;
    char kind_name[16] = "";
    char how[16] = "";
    if (std::sscanf(told, "%511[^:]:%15[^:]:%ld:%15s", folder, kind_name, &fail_at, how) != 4)
      return;
    sticky = std::strcmp(how, "sticky") == 0;
    kind = kind_of(kind_name);
  }
};

const FromEnvironment from_environment;

}  // namespace

extern "C" {

// Counts from 1 anew.
void faulty_disk_arm(const char* under, const char* name, long n, int is_sticky) {
  std::snprintf(folder, sizeof folder, "%s", under);
  fail_at = n;
  sticky = is_sticky != 0;
  calls = 0;
  synced_count = 0;
  kind = kind_of(name);
}

long faulty_disk_calls() {
  return calls;
}

ssize_t write(int fd, const void* bytes, size_t size) {
  note_before_write(fd);
  const ssize_t most = allowed(fd, size);
  if (most < 0) return -1;
  return next<ssize_t (*)(int, const void*, size_t)>("write")(fd, bytes, static_cast<size_t>(most));
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  note_before_write(fd);
  const ssize_t most = allowed(fd, size);
  if (most < 0) return -1;
  using Function = ssize_t (*)(int, const void*, size_t, off_t);
  return next<Function>("pwrite")(fd, bytes, static_cast<size_t>(most), at);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
  return pwrite(fd, bytes, size, at);
}

ssize_t writev(int fd, const iovec* parts, int count) {
  note_before_write(fd);
  size_t size = 0;
  for (int i = 0; i < count; ++i)
    size += parts[i].iov_len;
  const ssize_t most = allowed(fd, size);
  if (most < 0) return -1;
  using Function = ssize_t (*)(int, const iovec*, int);
  if (most == static_cast<ssize_t>(size)) return next<Function>("writev")(fd, parts, count);
  const iovec first{parts[0].iov_base, (parts[0].iov_len + 1) / 2};
  return next<Function>("writev")(fd, &first, 1);
}

ssize_t read(int fd, void* bytes, size_t size) {
  if (is_under(fd)) {
    if (const int error = failure(Call::kRead); error != 0) {
      errno = error;
      return -1;
    }
  }
  return next<ssize_t (*)(int, void*, size_t)>("read")(fd, bytes, size);
}

ssize_t pread(int fd, void* bytes, size_t size, off_t at) {
  if (is_under(fd)) {
    if (const int error = failure(Call::kRead); error != 0) {
      errno = error;
      return -1;
    }
  }
  return next<ssize_t (*)(int, void*, size_t, off_t)>("pread")(fd, bytes, size, at);
}

ssize_t pread64(int fd, void* bytes, size_t size, off64_t at) {
  return pread(fd, bytes, size, at);
}

int fsync(int fd) {
  return sync_with("fsync", fd);
}

int fdatasync(int fd) {
  return sync_with("fdatasync", fd);
}

int rename(const char* from, const char* to) {
  if (is_under(from)) {
    if (const int error = failure(Call::kRename); error != 0) {
      errno = error;
      return -1;
    }
  }
  return next<int (*)(const char*, const char*)>("rename")(from, to);
}

int ftruncate(int fd, off_t size) {
  if (is_under(fd)) {
    if (const int error = failure(Call::kTruncate); error != 0) {
      errno = error;
      return -1;
    }
  }
  return next<int (*)(int, off_t)>("ftruncate")(fd, size);
}

int ftruncate64(int fd, off64_t size) {
  return ftruncate(fd, size);
}

int fallocate(int fd, int mode, off_t at, off_t size) {
  if (is_under(fd)) {
    if (const int error = failure(Call::kAllocate); error != 0) {
      errno = error;
      return -1;
    }
  }
  return next<int (*)(int, int, off_t, off_t)>("fallocate")(fd, mode, at, size);
}

int posix_fallocate(int fd, off_t at, off_t size) {
  if (is_under(fd)) {
    if (const int error = failure(Call::kAllocate); error != 0) return error;
  }
  return next<int (*)(int, off_t, off_t)>("posix_fallocate")(fd, at, size);
}

}  // extern "C"
