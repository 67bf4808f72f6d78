// A listening socket on the loopback, for scripted servers.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace {

class LoopbackListener {
 public:
  LoopbackListener() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    EXPECT_GE(fd_, 0);
    if (fd_ < 0) return;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(fd_, generic, length), 0);
    EXPECT_EQ(::listen(fd_, 8), 0);
    ::getsockname(fd_, generic, &length);
    port_ = ntohs(address.sin_port);
  }

  ~LoopbackListener() { ::close(fd_); }

  LoopbackListener(const LoopbackListener&) = delete;
  LoopbackListener& operator=(const LoopbackListener&) = delete;

  uint16_t port() const { return port_; }

  // -1 after end().
  int accept() const { return ::accept(fd_, nullptr, nullptr); }

  void end() const { ::shutdown(fd_, SHUT_RDWR); }

 private:
  int fd_;
  uint16_t port_ = 0;
};

}  // namespace millrace
