// The HTTP server as it runs, over its unix socket: whatever a client sends, the connection ends,
// what comes back is HTTP, and the next client is served.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "fuzz.h"
#include "wire/http/http_server.h"

namespace millrace::fuzz {

namespace {

http::Response answer(const http::Request& request) {
  constexpr size_t kBodyBytesMax = 1 << 20;
  require(request.body.size() <= kBodyBytesMax, "a body is not larger than the server's limit");
  return {200, "text/plain", request.path};
}

const std::string& listening() {
  static const std::string kPath = [] {
    char folder[] = "/tmp/http_fuzz.XXXXXX";
    require(mkdtemp(folder) != nullptr, "there is a folder for the socket");
    return std::string(folder) + "/s";
  }();
  static const auto kServer = http::Server::start("unix:" + kPath, answer);
  require(kServer.has_value(), "the server listens");
  return kPath;
}

int connected() {
  const std::string& path = listening();
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) std::abort();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  require(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
          "the server takes the next client");
  return fd;
}

std::string exchange(std::string_view sent) {
  const int fd = connected();
  while (!sent.empty()) {
    const ssize_t n = send(fd, sent.data(), sent.size(), MSG_NOSIGNAL);
    if (n <= 0) break;  // the server has hung up
    sent.remove_prefix(static_cast<size_t>(n));
  }
  shutdown(fd, SHUT_WR);
  std::string got;
  char part[4096];
  for (ssize_t n = 0; (n = recv(fd, part, sizeof part, 0)) > 0;)
    got.append(part, static_cast<size_t>(n));
  close(fd);
  return got;
}

}  // namespace

void fuzz_one(std::string_view input) {
  const std::string got = exchange(input);
  require(got.empty() || got.starts_with("HTTP/1."), "an answer is HTTP");
}

}  // namespace millrace::fuzz
