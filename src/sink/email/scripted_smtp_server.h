// An SMTP server on a port of loopback for this folder's tests: serves one connection after the
// other in its own thread and answers as the script says.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace millrace {

class ScriptedSmtpServer {
 public:
  struct Mail {
    std::string recipient;
    std::string text;
  };

  // The answer to a line (or to a message's text, when `step` is "TEXT"): "" the usual one, "drop"
  // closes the connection, "hang" never answers, else the reply itself. The connection is closed
  // after a 421.
  using Script = std::function<std::string(std::string_view step, std::string_view argument)>;

  explicit ScriptedSmtpServer(Script script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](std::stop_token stop) { serve(stop); });
  }

  ~ScriptedSmtpServer() {
    thread_.request_stop();
    thread_.join();
    ::close(listener_);
  }

  ScriptedSmtpServer(const ScriptedSmtpServer&) = delete;
  ScriptedSmtpServer& operator=(const ScriptedSmtpServer&) = delete;

  int port() const { return port_; }

  int connections() const { return connections_; }

  std::vector<Mail> accepted() const {
    const std::lock_guard lock(mutex_);
    return accepted_;
  }

  std::vector<std::string> recipients() const {
    std::vector<std::string> out;
    for (const Mail& mail : accepted())
      out.push_back(mail.recipient);
    return out;
  }

 private:
  static bool readable(int fd, const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd ready{fd, POLLIN, 0};
      if (::poll(&ready, 1, 10) > 0) return true;
    }
    return false;
  }

  void serve(const std::stop_token& stop) {
    while (readable(listener_, stop)) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      ++connections_;
      talk(fd, stop);
      ::close(fd);
    }
  }

  // `before_usual`: called before the client can know of that answer. False: the connection is to
  // be closed.
  // NOLINTNEXTLINE(readability-function-size): six parameters
  bool answer(int fd, std::string_view step, std::string_view argument, std::string usual,
              const std::stop_token& stop, const std::function<void()>& before_usual = {}) {
    std::string reply = script_(step, argument);
    if (reply == "drop") return false;
    if (reply == "hang") {
      static_cast<void>(readable(fd, stop));  // until the client gives up
      return false;
    }
    if (reply.empty()) {
      reply = std::move(usual);
      if (before_usual) before_usual();
    }
    const std::string line = reply + "\r\n";
    return ::send(fd, line.data(), line.size(), MSG_NOSIGNAL) > 0 && !reply.starts_with("421");
  }

  void talk(int fd, const std::stop_token& stop) {
    if (!answer(fd, "CONNECT", "", "220 test", stop)) return;
    std::string buffer;
    std::string recipient;
    while (true) {
      const size_t end = buffer.find("\r\n");
      if (end == std::string::npos) {
        if (!fill(fd, buffer, stop)) return;
        continue;
      }
      const std::string line = buffer.substr(0, end);
      buffer.erase(0, end + 2);
      const std::string verb = line.substr(0, 4);
      if (verb == "RCPT") recipient = line.substr(9, line.find('>') - 9);
      if (verb == "DATA") {
        bool asked = false;
        if (!answer(fd, verb, recipient, "354 go on", stop, [&asked] { asked = true; })) return;
        if (asked && !take_text(fd, buffer, recipient, stop)) return;
        continue;
      }
      const bool goes_on = answer(fd, verb, verb == "RCPT" ? recipient : line, "250 ok", stop);
      if (!goes_on || verb == "QUIT") return;
    }
  }

  bool take_text(int fd, std::string& buffer, const std::string& recipient,
                 const std::stop_token& stop) {
    size_t end = std::string::npos;
    while ((end = buffer.find("\r\n.\r\n")) == std::string::npos) {
      if (!fill(fd, buffer, stop)) return false;
    }
    const std::string text = buffer.substr(0, end + 2);
    buffer.erase(0, end + 5);
    const auto accept = [&] {
      const std::lock_guard lock(mutex_);
      accepted_.push_back({recipient, text});
    };
    if (script_("ACCEPT?", recipient) == "drop after") {  // accepted, but the answer is lost
      accept();
      return false;
    }
    return answer(fd, "TEXT", recipient, "250 queued", stop, accept);
  }

  static bool fill(int fd, std::string& buffer, const std::stop_token& stop) {
    char piece[4096];
    if (!readable(fd, stop)) return false;
    const ssize_t n = ::recv(fd, piece, sizeof piece, 0);
    if (n > 0) buffer.append(piece, static_cast<size_t>(n));
    return n > 0;
  }

  Script script_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> connections_{0};
  mutable std::mutex mutex_;
  std::vector<Mail> accepted_;
  std::jthread thread_;
};

}  // namespace millrace
