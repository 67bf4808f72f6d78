#include "wire/http/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "base/clock.h"
#include "wire/http/unix_client.h"

namespace millrace::http {
namespace {

Response answer(const Request& request) {
  return {200, "text/plain", request.method + " " + request.path};
}

std::string socket_path() {
  return testing::TempDir() + "millrace_http_test.sock";
}

int64_t cpu_ms() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
         (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

int connect_to(const std::string& address) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  return fd;
}

TEST(HttpServer, AnswersOnAUnixSocket) {
  const auto server = Server::start("unix:" + socket_path(), answer);
  ASSERT_TRUE(server) << server.error().text();
  const auto got = request_unix(socket_path(), "GET", "/status", "");
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(got->body, "GET /status");
}

TEST(HttpServer, APortBeyond65535IsNoAddress) {
  for (const char* address : {"127.0.0.1:65536", "127.0.0.1:99999999999", "127.0.0.1:"}) {
    const auto server = Server::start(address, answer);
    ASSERT_FALSE(server) << address;
    EXPECT_EQ(server.error().kind, ErrorKind::kConfig) << address;
  }
}

TEST(HttpServer, WithoutDescriptorsItWaitsInsteadOfSpinning) {
  const auto server = Server::start("127.0.0.1:0", answer);
  ASSERT_TRUE(server) << server.error().text();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int lowest_free = ::dup(STDERR_FILENO);
  ::close(lowest_free);
  const rlimit one_more{static_cast<rlim_t>(lowest_free) + 1, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &one_more), 0);
  const int client = connect_to((*server)->address());  // takes it
  const int64_t start = cpu_ms();
  std::this_thread::sleep_for(Millis(500));
  const int64_t used = cpu_ms() - start;
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_LT(used, 20);
  constexpr std::string_view kRequest =
      "GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  ASSERT_EQ(::write(client, kRequest.data(), kRequest.size()), std::ssize(kRequest));
  std::array<char, 1024> got{};
  const ssize_t length = ::read(client, got.data(), got.size());
  ::close(client);
  ASSERT_GT(length, 0);
  EXPECT_TRUE(
      std::string_view(got.data(), static_cast<size_t>(length)).starts_with("HTTP/1.1 200"));
}

TEST(UnixClient, APathThatIsTooLongForASocketIsAnError) {
  const auto got = request_unix("/" + std::string(200, 'p'), "GET", "/", "");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::kNotFound);
}

TEST(UnixClient, ASocketWithoutAListenerIsNotFound) {
  const auto got = request_unix(socket_path() + ".none", "GET", "/", "");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::kNotFound);
}

TEST(UnixClient, ASocketOfAnotherUserIsRefusedNotMissing) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be another user for a while";
  const auto server = Server::start("unix:" + socket_path(), answer);
  ASSERT_TRUE(server) << server.error().text();
  constexpr uid_t kNobody = 65534;
  ::setfsuid(kNobody);
  const auto got = request_unix(socket_path(), "GET", "/", "");
  ::setfsuid(0);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, ErrorKind::kUnauthorized);
}

}  // namespace
}  // namespace millrace::http
