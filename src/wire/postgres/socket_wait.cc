#include "wire/postgres/socket_wait.h"

#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>

namespace millrace::postgres {

namespace {

constexpr std::chrono::nanoseconds kLongestWait = std::chrono::hours(1);
constexpr int64_t kSecond = 1'000'000'000;  // in nanoseconds

}  // namespace

bool wait_socket(int socket, short events, SteadyTime deadline) {
  pollfd fd{.fd = socket, .events = events, .revents = 0};
  for (;;) {
    std::chrono::nanoseconds left{0};
    const SteadyTime now = steady_now();
    if (deadline > now) left = std::min<std::chrono::nanoseconds>(deadline - now, kLongestWait);
    const timespec time{.tv_sec = left.count() / kSecond, .tv_nsec = left.count() % kSecond};
    const int ready = ::ppoll(&fd, 1, &time, nullptr);
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

size_t bytes_waiting(int socket) {
  int bytes = 0;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): so is the system's interface
  if (::ioctl(socket, FIONREAD, &bytes) != 0 || bytes < 0) return 0;
  return static_cast<size_t>(bytes);
}

std::string first_line(std::string_view text) {
  const size_t end = text.find('\n');
  std::string out(text.substr(0, end));
  while (!out.empty() && out.back() == ' ')
    out.pop_back();
  return out;
}

}  // namespace millrace::postgres
